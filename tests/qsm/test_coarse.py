"""A coarse start of the background removal: blocks fit their grid, and it ends where the fine grid does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from chiomics.qsm.background.coarse import block_factors, block_grid, block_means, interpolate
from chiomics.qsm.background.pdf import remove_background_pdf
from chiomics.qsm.fourier import Grid
from tests.qsm.heads import B0, VOXEL_SIZE, Head, nrmse

PADDING = 24.0


def grids(shape: tuple[int, ...], voxel_size: tuple[float, ...], factors: tuple[int, ...]) -> tuple[Grid, Grid]:
    mask = np.zeros([n + 3 for n in shape], bool)
    mask[tuple(slice(2, 2 + n) for n in shape)] = True
    fine = Grid(mask, voxel_size=voxel_size, padding=PADDING, multiple=factors)
    return fine, block_grid(fine, factors, PADDING)


@pytest.mark.parametrize(
    ("voxel_size", "factors"),
    [((2, 2, 2), (1, 1, 1)), ((1.25, 1.25, 1.25), (2, 2, 2)), ((0.5, 0.5, 1.5), (6, 6, 2)), ((0.3, 1, 5), (10, 3, 1))],
)
def test_blocks_are_no_larger_than_asked(voxel_size: tuple, factors: tuple) -> None:
    assert block_factors(voxel_size, 3.0) == factors


@pytest.mark.parametrize("length", [17, 24, 31, 50])
@pytest.mark.parametrize("factors", [(2, 3, 1), (5, 4, 6)])
def test_the_fine_grid_is_made_of_whole_blocks(length: int, factors: tuple[int, int, int]) -> None:
    fine, coarse = grids((length, length + 4, length - 3), (0.7, 1.1, 0.9), factors)
    assert fine.shape == tuple(n * factor for n, factor in zip(coarse.shape, factors, strict=True))
    assert np.array_equal(block_means(fine.mask, factors) > 0, coarse.mask > 0)


def test_means_and_interpolation_keep_a_constant_and_a_slope() -> None:
    factors = (2, 3, 1)
    fine, coarse = grids((20, 20, 20), (1.0, 1.0, 2.0), factors)
    assert np.all(interpolate(np.full(coarse.shape, 3, np.float32), factors, fine) == 3)
    slope = np.broadcast_to(np.arange(fine.shape[1], dtype=np.float32)[:, None], fine.shape)
    back = interpolate(block_means(slope, factors), factors, fine)
    away = slice(3, -3)  # a slope is not periodic
    np.testing.assert_allclose(back[:, away], slope[:, away], atol=1e-4)


def test_a_coarse_start_ends_where_the_fine_grid_does() -> None:
    """The fine grid from a coarse start and from nothing, which is what no coarse iterations leave."""
    head = Head()
    inner = ndimage.binary_erosion(head.mask, iterations=3)

    def local(iterations: int, fine_iterations: int) -> np.ndarray:
        return remove_background_pdf(
            head.total_field[None], head.mask, head.mask.astype(np.float32), voxel_size=VOXEL_SIZE, b0_direction=B0,
            coarse_voxel=3.0, iterations=iterations, fine_iterations=fine_iterations, refinements=0,
        )[0]  # fmt: skip

    def difference(fine_iterations: int) -> float:
        apart = local(60, fine_iterations) - local(0, fine_iterations)
        return apart[head.mask].std() / head.local_field[head.mask].std()

    # 2.7 at the start, 0.1 at the end, in the outermost voxels: what sources on either side of the surface explain
    # alike, a start divides between them as it pleases.
    assert difference(100) < 0.15 < 0.1 * difference(0)
    # Deeper inside both are as near to the truth as each other (0.171 and 0.175), and the coarse start is there sooner.
    far, near = (nrmse(local(60, n), head.local_field, inner) for n in (10, 100))
    assert near == pytest.approx(nrmse(local(0, 100), head.local_field, inner), rel=0.05)
    assert abs(far - near) < 0.5 * abs(nrmse(local(0, 10), head.local_field, inner) - near)
