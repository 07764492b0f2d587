"""Outliers of a cohort: good sessions are left alone, and what is plainly wrong is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.anatomy.cohort.outliers import BOUNDARY, VOXEL, find_outliers, rule_of
from chiomics.core.scores.outliers import OUTLIER

SIDES = [f"{nucleus}_{side}" for nucleus in ("HCN", "PUT", "GP", "THA", "RN", "SN", "DN") for side in "LR"]
TRACTS = [f"{tract}_{side}" for tract in ("AF", "CST", "FAT", "IFOF", "OR", "UF") for side in "LR"]
STEPS = ("T1w_to_template", "T1w_to_GRE", "FLAIR_to_T1w")
#: What a good session of a cohort has; of the simulated one.
GOOD = (
    {f"{name}_mm3": 900.0 for name in SIDES}
    | {f"RN_{side}_mm3": 280.0 for side in "LR"}
    | {f"{name}_mm3": 4000.0 for name in TRACTS}
    | {f"{name}_dice": 0.85 for name in SIDES}
    | {f"{name}_shift_mm": 1.0 for name in SIDES}
    | {"NAWM_mm3": 4.2e5, "brain_mm3": 1.4e6, "parenchyma_mm3": 1.2e6}
    | {f"overlap_{step}": 0.96 for step in STEPS}
    | {f"mutual_information_{step}": 1.1 for step in STEPS}
    | {f"sharpness_{step}": 0.54 for step in STEPS}
)
SESSIONS = 24
VOXEL_VOLUME = 6.125  # mm³, so that a red nucleus has 46 voxels


def cohort(seed: int) -> pd.DataFrame:
    """Draw good sessions that differ as much as good ones are said to, at the most."""
    rng = np.random.default_rng(seed)
    columns = {VOXEL: np.full(SESSIONS, VOXEL_VOLUME)}
    for name, middle in GOOD.items():
        rule = rule_of(name, GOOD.get(name.replace("_dice", "_mm3"), np.inf) / VOXEL_VOLUME)
        columns[name] = middle + rule.min_spread * (middle if rule.relative else 1) * rng.standard_normal(SESSIONS)
    return pd.DataFrame(columns)


def flagged(frame: pd.DataFrame) -> np.ndarray:
    return (find_outliers(frame, list(GOOD)).abs() > OUTLIER).any(axis=1).to_numpy()


def test_at_most_one_of_twenty_four_good_sessions_is_flagged():
    # The mean over cohorts, since a single cohort is chance.
    assert np.mean([flagged(cohort(seed)).sum() for seed in range(20)]) <= 1


def change(names: str, factor: float = 1.0, added: float = 0.0):
    """Return a fault that changes the columns of this form."""

    def plant(frame: pd.DataFrame) -> None:
        for name in frame.filter(regex=names):
            frame.loc[7, name] = frame.loc[7, name] * factor + added

    return plant


FAULTS = {
    "shifted mask": change("^overlap_T1w_to_GRE$", added=-0.08),
    "swapped sides": change("(_dice|_shift_mm)$", factor=0.2, added=15),
    "half a brain": change("^(brain|parenchyma)_mm3$", factor=0.5),
    "skull taken for brain": change("^brain_mm3$", factor=1.6),
    "wrong head": change("^overlap_T1w_to_template$", added=-0.2),
    "motion": change("^sharpness_", factor=0.55),
    "another contrast": change("^mutual_information_FLAIR", factor=0.5),
    "nucleus elsewhere": change("^PUT_L_shift_mm$", added=6),
    "wrong sign": change("^(GP|RN|SN|DN)_[LR]_dice$", factor=0.4),
    "half the white matter": change("^NAWM_mm3$", factor=0.45),
    "empty nucleus": change("^THA_R_mm3$", factor=0.0),
    "empty small nucleus": change("^RN_R_mm3$", factor=0.0),
    "small nucleus elsewhere": change("^RN_L_dice$", factor=0.0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found(fault):
    found = []
    for seed in range(5):
        frame = cohort(seed)
        FAULTS[fault](frame)
        found.append(flagged(frame)[7])
    assert np.mean(found) >= 0.9, fault


def test_the_smaller_a_region_the_more_good_sessions_may_differ():
    red = pd.DataFrame({"RN_L_mm3": 280.0, "RN_L_dice": 0.86, VOXEL: VOXEL_VOLUME}, index=range(SESSIONS))
    red.loc[3] = [500.0, 0.65, VOXEL_VOLUME]  # seen in a good session of the simulated cohort
    columns = ["RN_L_mm3", "RN_L_dice"]
    assert (find_outliers(red, columns).abs() <= OUTLIER).all(axis=None)
    # the same of regions with a thousand times the voxels is none
    assert (find_outliers(red.assign(**{VOXEL: VOXEL_VOLUME / 1000}), columns).abs().loc[3] > OUTLIER).all()
    assert (find_outliers(red.drop(columns=VOXEL), columns).abs().loc[3] > OUTLIER).all()


@pytest.mark.parametrize("voxels", [45, 2000])
def test_the_spread_is_that_of_a_ball_whose_boundary_is_off(voxels):
    life = rule_of("RN_L_mm3").min_spread, rule_of("RN_L_dice").min_spread
    radius = np.cbrt(3 * voxels / (4 * np.pi))
    axis = np.arange(-radius - 1, radius + 1, radius / 60)
    distance = np.sqrt(np.add.outer(np.add.outer(axis**2, axis**2), axis**2))
    ball, larger = distance < radius, distance < radius + BOUNDARY
    volume = larger.sum() / ball.sum() - 1
    dice = 2 * ball.sum() / (ball.sum() + larger.sum())
    # 5 % of 45 voxels: the law is the first order in boundary over radius, 0.1 of 2.2 here
    assert rule_of("RN_L_mm3", voxels).min_spread == pytest.approx(np.hypot(life[0], volume), rel=0.05)
    assert rule_of("RN_L_dice", voxels).min_spread == pytest.approx(np.hypot(life[1], 1 - dice), rel=0.05)


def test_a_region_without_a_voxel_stands_out_however_much_the_others_vary():
    frame = pd.DataFrame({"RN_L_mm3": [*np.linspace(120, 460, 23), 0.0], VOXEL: VOXEL_VOLUME})
    scores = find_outliers(frame, ["RN_L_mm3"])["RN_L_mm3"]
    assert list(scores.index[scores.abs() > OUTLIER]) == [23]
    assert not (find_outliers(frame * [0, 1], ["RN_L_mm3"]).abs() > OUTLIER).any(axis=None)  # none has it


def test_better_than_the_others_is_no_outlier():
    frame = cohort(0)
    change("^(overlap|mutual|sharpness)_|_dice$", factor=1.5)(frame)
    change("_shift_mm$", factor=0.0)(frame)
    scores = find_outliers(frame, list(GOOD)).filter(regex="^(overlap|mutual|sharpness)_|_dice$|_shift_mm$")
    assert (scores.loc[7] == 0).all()


def test_the_session_far_off_is_found_whatever_the_order_and_unit():
    values = pd.DataFrame({"some": [*np.linspace(900, 1100, 10), 4000.0], "same": 1.0})
    for frame in (values, values[::-1], values * [1e-3, 1.0]):
        scores = find_outliers(frame, ["some", "same"])
        assert list(scores.index[scores["some"].abs() > OUTLIER]) == [10]
        assert scores["same"].isna().all()
