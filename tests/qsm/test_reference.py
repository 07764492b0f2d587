"""The reference is the fluid where it is found, and says so where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.phantom.head.tissue import CSF, tissue_table
from chiomics.phantom.head.tissue import VENTRICLES as VENTRICLE_LABEL
from chiomics.phantom.recipe import list_sessions, load_recipe
from chiomics.phantom.subject import simulate
from chiomics.qsm.phase.phase_sign import check_phase_sign
from chiomics.qsm.r2star import fit_r2star
from chiomics.qsm.reference import csf_mask, csf_r2star, find_reference

SHAPE = (90, 100, 80)
SIZE = (1.5, 1.5, 2.0)
X, Y, Z = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SIZE, strict=True)],
                      indexing="ij", sparse=True)  # fmt: skip
BRAIN = (X / 60) ** 2 + (Y / 68) ** 2 + (Z / 65) ** 2 < 1
VENTRICLES = (((np.abs(X) - 10) / 6) ** 2 + (Y / 22) ** 2 + (Z / 7) ** 2 < 1) & BRAIN
RNG = np.random.default_rng(11)


@pytest.fixture
def r2star() -> np.ndarray:
    values = np.where(BRAIN, 18 + RNG.standard_normal(SHAPE), 0)
    values[VENTRICLES] = 2 + 0.3 * RNG.standard_normal(VENTRICLES.sum())
    rim = BRAIN & ((X / 58) ** 2 + (Y / 66) ** 2 + (Z / 63) ** 2 > 1)
    values[rim] = 2  # fluid around the brain is not to be taken
    return values.astype(np.float32)


def test_fluid_of_the_ventricles_is_found(r2star: np.ndarray) -> None:
    found = csf_mask(r2star, BRAIN, voxel_size=SIZE, field_strength=3)
    assert not (found & ~VENTRICLES).any()
    assert found.sum() > 0.4 * VENTRICLES.sum()  # a voxel of erosion costs half of these thin ellipsoids


@pytest.mark.parametrize(("strength", "relative"), [(1.5, 0.8), (3, 1), (7, 2)])
def test_the_threshold_follows_the_field_as_tissue_does(r2star: np.ndarray, strength: float, relative: float) -> None:
    """Whatever the field, R2* of fluid and tissue that are scaled alike give the same region."""
    r2star[VENTRICLES] += 2  # 4 1/s at 3 T, three SDs below the threshold: at 7 T above that of 3 T
    found = csf_mask(relative * r2star, BRAIN, voxel_size=SIZE, field_strength=strength)
    # `relative` is rounded to 1 % of the threshold, where one voxel in a hundred of the noise's tail may cross it.
    assert (found != csf_mask(r2star, BRAIN, voxel_size=SIZE, field_strength=3)).sum() < 0.02 * found.sum()
    assert found.sum() * np.prod(SIZE) > 1000


def test_the_threshold_rises_with_the_field() -> None:
    strengths = np.array([0.5, 1.5, 2.9, 3, 4.7, 7, 9.4, 11.7])
    limits = [csf_r2star(strength) for strength in strengths]
    assert (np.diff(limits) >= 0).all()
    assert csf_r2star(3) == 5  # MEDI's
    # White matter of Peters et al. (2007) has 1000/66.2 and 1000/26.8 1/s: the threshold stays a quarter of it.
    assert csf_r2star(1.5) / (1000 / 66.2) == pytest.approx(csf_r2star(7) / (1000 / 26.8), rel=0.01)


def test_reference_value_ignores_choroid_plexus(r2star: np.ndarray) -> None:
    chi = 0.05 + 0.01 * RNG.standard_normal(SHAPE)
    chi[VENTRICLES] += 0.03
    plexus = VENTRICLES & (np.abs(Y - 10) < 3)
    chi[plexus] = -0.4
    region = csf_mask(r2star, BRAIN, voxel_size=SIZE, field_strength=3)
    reference = find_reference(chi, BRAIN, voxel_size=SIZE, region=region)
    assert reference.method == "csf"
    assert reference.trusted
    assert reference.value == pytest.approx(0.08, abs=0.002)  # 0.01 over the root of some hundred voxels
    assert not (reference.mask & plexus).any()
    assert reference.voxels == reference.mask.sum()


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.5, 3.0, 7.0])
def test_ventricles_of_a_simulated_head_are_found_at_every_field_strength(strength: float) -> None:
    recipe = load_recipe({
        "groups": {"HC": 1, "MS": 0, "NMOSD": 0},
        "acquisition": {
            "field_strength": strength, "voxel_size": [2.0, 2.0, 2.0], "shape": [96, 112, 88], "snr": 40 * strength,
            "echo_times": [0.004, 0.012, 0.020, 0.028], "repetition_time": 0.05, "oversampling": [1.5, 1.5, 1.5],
        },
    })  # fmt: skip
    head = simulate(recipe, list_sessions(recipe)[0])
    decay = fit_r2star(np.abs(np.stack(head.echoes)), head.brain, echo_times=recipe["acquisition"]["echo_times"])
    region = csf_mask(decay, head.brain, voxel_size=(2, 2, 2), field_strength=strength)
    # A voxel of 2 mm at the wall of the ventricles, which are some 8 mm wide, holds tissue as well.
    assert np.isin(head.labels[region], (CSF, VENTRICLE_LABEL)).mean() > 0.9
    reference = find_reference(head.chi, head.brain, voxel_size=(2, 2, 2), region=region)
    assert (reference.method, reference.trusted) == ("csf", True)
    assert reference.value == pytest.approx(tissue_table()[VENTRICLE_LABEL]["chi"], abs=0.005)


@pytest.mark.parametrize("region", [None, np.zeros(SHAPE, bool)])
def test_without_fluid_the_brain_serves_and_is_not_trusted(region: np.ndarray | None, caplog) -> None:
    chi = np.where(BRAIN, 0.02, 0)
    reference = find_reference(chi, BRAIN, voxel_size=SIZE, region=region)
    assert (reference.method, reference.trusted) == ("whole_brain", False)
    assert reference.value == pytest.approx(0.02)
    assert "whole brain is used" in caplog.text


def test_a_region_of_wide_spread_is_not_trusted() -> None:
    chi = 0.2 * RNG.standard_normal(SHAPE)
    assert not find_reference(chi, BRAIN, voxel_size=SIZE, region=VENTRICLES).trusted


def test_other_methods() -> None:
    chi = np.where(BRAIN, 0.02, 5)
    assert find_reference(chi, BRAIN, voxel_size=SIZE, method="whole_brain").trusted
    none = find_reference(chi, BRAIN, voxel_size=SIZE, method="none")
    assert (none.value, none.voxels) == (0.0, 0)
    with pytest.raises(InputError, match="unknown reference"):
        find_reference(chi, BRAIN, voxel_size=SIZE, method="ventricle")


def test_wrong_sign_is_noticed() -> None:
    chi = np.where(BRAIN, 0.02 * RNG.standard_normal(SHAPE), 0)
    magnitude = np.where(BRAIN, 100 + RNG.standard_normal(SHAPE), 0)
    iron = ((np.abs(X) - 20) ** 2 + Y**2 + Z**2) < 12**2  # 2 % of the brain, as nuclei and veins are
    chi[iron] += 0.1
    magnitude[iron] = 50
    contrast, warning = check_phase_sign(chi, magnitude, BRAIN, voxel_size=SIZE)
    assert contrast > 1
    assert warning is None
    contrast, warning = check_phase_sign(-chi, magnitude, BRAIN, voxel_size=SIZE)
    assert contrast < -1
    assert "phase_sign" in warning
    contrast, warning = check_phase_sign(np.where(iron, chi - 0.1, chi), magnitude, BRAIN, voxel_size=SIZE)
    assert abs(contrast) < 0.2
    assert "is this a brain?" in warning  # dark, and of the same susceptibility: an air bubble in water, not iron
