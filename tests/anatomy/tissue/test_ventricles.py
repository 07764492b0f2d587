"""Ventricles: fluid that is connected with the template's, and its susceptibility whatever lies in it."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.tissue.tissue import FLUID, VENTRICLES, WHITE
from chiomics.anatomy.tissue.ventricles import (
    LATERAL,
    MAX_SPREAD,
    MIN_VOLUME,
    OTHER,
    mark_ventricles,
    measure_offset,
    reference_region,
    template_ventricles,
)
from chiomics.core.space.template import template_priors
from chiomics.core.space.volume import Volume

SHAPE, EDGE = (40, 40, 40), 1.5
AFFINE = np.diag([EDGE, EDGE, EDGE, 1])
FLUID_CHI, NOISE = 0.019, 0.004


def box(*ranges: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*ends) for ends in ranges)] = True
    return mask


#: A ventricle, a horn of it that the template lacks, and a cistern beside it with tissue between.
VENTRICLE, HORN, CISTERN = (
    box((10, 20), (10, 26), (10, 22)),
    box((13, 17), (26, 29), (13, 17)),
    box((23, 28), (10, 26), (10, 22)),
)


@pytest.fixture
def tissue() -> Volume:
    labels = np.full(SHAPE, WHITE, np.uint8)
    labels[VENTRICLE | HORN | CISTERN] = FLUID
    return Volume(labels, AFFINE)


def test_ventricles_of_the_template_are_two_and_alike() -> None:
    fluid = template_priors(1.0)["CSF"]
    found = template_ventricles(fluid)
    lateral = found.voxels == LATERAL
    x = (np.argwhere(lateral) @ fluid.affine[:3, :3].T + fluid.affine[:3, 3])[:, 0]
    # The template is symmetric about x = 0.
    assert (x < 0).sum() == pytest.approx((x > 0).sum(), rel=0.01)
    # Lateral ventricles of adults hold 5 to 40 ml.
    assert 5e3 < len(x) < 40e3
    assert np.array_equal(found.voxels > 0, fluid.voxels > 0.5)


def test_ventricles_grow_into_connected_fluid_only(tissue: Volume) -> None:
    region = tissue.like(box((12, 20), (12, 26), (10, 22)))  # the template's, smaller
    found = mark_ventricles(tissue, region).voxels == VENTRICLES
    assert np.array_equal(found, VENTRICLE | HORN)


def test_ventricles_end_at_the_margin(tissue: Volume) -> None:
    region = tissue.like(box((10, 20), (10, 14), (10, 22)))
    found = mark_ventricles(tissue, region, margin=3 * EDGE).voxels == VENTRICLES
    assert np.array_equal(found, VENTRICLE & box((0, 40), (0, 17), (0, 40)))


def test_ventricles_end_half_way_to_other_fluid(tissue: Volume) -> None:
    labels = np.where(box((10, 20), (10, 16), (10, 22)), LATERAL, 0) + np.where(
        box((10, 20), (21, 26), (10, 22)), OTHER, 0
    )
    found = mark_ventricles(tissue, tissue.like(labels)).voxels == VENTRICLES
    assert np.array_equal(found, VENTRICLE & box((0, 40), (0, 18), (0, 40)))


def test_only_fluid_becomes_ventricle(tissue: Volume) -> None:
    marked = mark_ventricles(tissue, tissue.like(np.ones(SHAPE, bool)))
    assert np.array_equal(np.isin(marked.voxels, (FLUID, VENTRICLES)), tissue.voxels == FLUID)
    assert np.array_equal(mark_ventricles(tissue, tissue.like(np.zeros(SHAPE, bool))).voxels, tissue.voxels)


def chi_of(tissue: Volume) -> Volume:
    noise = NOISE * np.random.default_rng(2).standard_normal(SHAPE)
    return tissue.like((np.where(tissue.voxels == FLUID, FLUID_CHI, -0.03) + noise).astype(np.float32))


def region_of(tissue: Volume, **options: Volume) -> tuple[Volume, str]:
    return reference_region(tissue.like(VENTRICLE), tissue.like(np.ones(SHAPE, bool)), **options)


def test_susceptibility_comes_back_beside_plexus_and_calcification(tissue: Volume) -> None:
    chi = chi_of(tissue)
    chi.voxels[13:16, 13:16, 12:18] = 0.3
    chi.voxels[16, 16:20, 12:18] = -0.4
    offset = measure_offset(chi, *region_of(tissue))
    # Standard error of a median of some thousand voxels, and the half of a percent that outliers shift its rank by.
    assert offset.value == pytest.approx(FLUID_CHI, abs=NOISE / 4)
    assert offset.spread == pytest.approx(NOISE, rel=0.15)
    assert offset.trusted
    assert offset.voxels * EDGE**3 > MIN_VOLUME


def test_the_border_and_high_relaxation_are_left_out(tissue: Volume) -> None:
    r2star = tissue.like(np.full(SHAPE, 3.0, np.float32))
    r2star.voxels[13:16] = 30
    region, shortcoming = region_of(tissue, r2star=r2star)
    assert not shortcoming
    assert np.array_equal(region.voxels, box((11, 19), (11, 25), (11, 21)) & ~box((13, 16), (0, 40), (0, 40)))


def test_offset_moves_with_the_map(tissue: Volume) -> None:
    chi = chi_of(tissue)
    region = region_of(tissue)
    moved = measure_offset(chi.like(chi.voxels + np.float32(0.5)), *region)
    assert moved.value == pytest.approx(measure_offset(chi, *region).value + 0.5, abs=1e-6)  # float32 near 0.5


def test_a_small_ventricle_and_a_wide_spread_are_not_trusted(tissue: Volume) -> None:
    slit = tissue.like(box((10, 12), (10, 26), (10, 22)))
    region, shortcoming = reference_region(slit, slit)
    assert "deeper" in shortcoming
    assert np.array_equal(region.voxels, slit.voxels)
    assert not measure_offset(chi_of(tissue), region, shortcoming).trusted
    rough = tissue.like((2 * MAX_SPREAD * np.random.default_rng(3).standard_normal(SHAPE)).astype(np.float32))
    offset = measure_offset(rough, *region_of(tissue))
    assert not offset.trusted
    assert "varies" in offset.reason


def test_no_ventricle_is_no_offset(tissue: Volume) -> None:
    empty = tissue.like(np.zeros(SHAPE, bool))
    offset = measure_offset(chi_of(tissue), *reference_region(empty, empty))
    assert np.isnan(offset.value)
    assert not offset.sidecar()["ReferenceTrusted"]
