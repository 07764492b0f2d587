"""Outliers of a cohort: good sessions are left alone, and what is plainly wrong is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.anatomy.cohort.outliers import find_outliers, rule_of
from chiomics.core.scores.outliers import OUTLIER

SIDES = [f"{nucleus}_{side}" for nucleus in ("HCN", "PUT", "GP", "THA", "RN", "SN", "DN") for side in "LR"]
TRACTS = [f"{tract}_{side}" for tract in ("AF", "CST", "FAT", "IFOF", "OR", "UF") for side in "LR"]
STEPS = ("T1w_to_template", "T1w_to_GRE", "FLAIR_to_T1w")
#: What a good session of a cohort has; of the simulated one.
GOOD = (
    {f"{name}_mm3": 900.0 for name in SIDES}
    | {f"{name}_mm3": 4000.0 for name in TRACTS}
    | {f"{name}_dice": 0.85 for name in SIDES}
    | {f"{name}_shift_mm": 1.0 for name in SIDES}
    | {"NAWM_mm3": 4.2e5, "brain_mm3": 1.4e6, "parenchyma_mm3": 1.2e6}
    | {f"overlap_{step}": 0.96 for step in STEPS}
    | {f"mutual_information_{step}": 1.1 for step in STEPS}
    | {f"sharpness_{step}": 0.54 for step in STEPS}
)
SESSIONS = 24


def cohort(seed: int) -> pd.DataFrame:
    """Draw good sessions that differ as much as good ones are said to, at the most."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name, middle in GOOD.items():
        rule = rule_of(name)
        columns[name] = middle + rule.min_spread * (middle if rule.relative else 1) * rng.standard_normal(SESSIONS)
    return pd.DataFrame(columns)


def flagged(frame: pd.DataFrame) -> np.ndarray:
    return (find_outliers(frame, list(frame)).abs() > OUTLIER).any(axis=1).to_numpy()


def test_at_most_one_of_twenty_four_good_sessions_is_flagged():
    # The mean over cohorts, since a single cohort is chance.
    assert np.mean([flagged(cohort(seed)).sum() for seed in range(40)]) <= 1


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
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found(fault):
    found = []
    for seed in range(10):
        frame = cohort(seed)
        FAULTS[fault](frame)
        found.append(flagged(frame)[7])
    assert np.mean(found) >= 0.9, fault


def test_better_than_the_others_is_no_outlier():
    frame = cohort(0)
    change("^(overlap|mutual|sharpness)_|_dice$", factor=1.5)(frame)
    change("_shift_mm$", factor=0.0)(frame)
    scores = find_outliers(frame, list(frame)).filter(regex="^(overlap|mutual|sharpness)_|_dice$|_shift_mm$")
    assert (scores.loc[7] == 0).all()


def test_the_session_far_off_is_found_whatever_the_order_and_unit():
    values = pd.DataFrame({"some": [*np.linspace(900, 1100, 10), 4000.0], "same": 1.0})
    for frame in (values, values[::-1], values * [1e-3, 1.0]):
        scores = find_outliers(frame, ["some", "same"])
        assert list(scores.index[scores["some"].abs() > OUTLIER]) == [10]
        assert scores["same"].isna().all()
