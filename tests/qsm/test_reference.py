"""The reference is the fluid where it is found, and says so where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.qsm.phase.phase_sign import check_phase_sign
from chiomics.qsm.reference import csf_mask, find_reference

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
    found = csf_mask(r2star, BRAIN, voxel_size=SIZE)
    assert not (found & ~VENTRICLES).any()
    assert found.sum() > 0.4 * VENTRICLES.sum()  # a voxel of erosion costs half of these thin ellipsoids


def test_reference_value_ignores_choroid_plexus(r2star: np.ndarray) -> None:
    chi = 0.05 + 0.01 * RNG.standard_normal(SHAPE)
    chi[VENTRICLES] += 0.03
    plexus = VENTRICLES & (np.abs(Y - 10) < 3)
    chi[plexus] = -0.4
    region = csf_mask(r2star, BRAIN, voxel_size=SIZE)
    reference = find_reference(chi, BRAIN, voxel_size=SIZE, region=region)
    assert reference.method == "csf"
    assert reference.trusted
    assert reference.value == pytest.approx(0.08, abs=0.002)  # 0.01 over the root of some hundred voxels
    assert not (reference.mask & plexus).any()
    assert reference.voxels == reference.mask.sum()


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
