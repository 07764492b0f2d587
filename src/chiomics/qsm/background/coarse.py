"""A coarser grid for fields that are smooth: how volumes go there and back.

What sources outside the brain do inside it is smooth but near them, so a coarse grid finds the most of it, at a small
part of the cost, and leaves to the fine grid what lies near the brain's surface. This is the start of a multigrid
method (Briggs, Henson & McCormick 2000, A Multigrid Tutorial, SIAM, chapter 3): a mean over blocks brings volumes
down, linear interpolation brings sources back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.qsm.fourier import Array, Grid


def block_factors(voxel_size: Sequence[float], largest: float) -> tuple[int, ...]:
    """Return per axis how many voxels make one block whose edge is at most `largest` mm, at least 1."""
    return tuple(max(1, int(largest / edge + 1e-6)) for edge in voxel_size)


def block_grid(grid: Grid, factors: Sequence[int], padding: float) -> Grid:
    """Return the grid of blocks of a grid that was made with ``multiple=factors``.

    Parameters
    ----------
    grid : Grid
        Fine grid.
    factors : sequence of 3 ints
        Voxels per block.
    padding : float
        That of the fine grid, in mm.

    Returns
    -------
    Grid
        Its mask holds every block with a voxel of the fine mask.
    """
    box = grid.image_mask[grid.box]
    whole = np.pad(box, [(0, -n % factor) for n, factor in zip(box.shape, factors, strict=True)])
    blocks = whole.reshape([part for n, f in zip(whole.shape, factors, strict=True) for part in (n // f, f)])
    return Grid(
        blocks.any(axis=(1, 3, 5)),
        voxel_size=[edge * factor for edge, factor in zip(grid.voxel_size, factors, strict=True)],
        padding=padding,
        backend=grid.backend.name,
        workers=grid.workers,
    )


def block_means(volume: Array, factors: Sequence[int]) -> Array:
    """Return the mean of every block of a volume whose shape is a multiple of the block's."""
    for axis, factor in enumerate(factors):
        shape = list(volume.shape)
        shape[axis : axis + 1] = [shape[axis] // factor, factor]
        volume = volume.reshape(shape).mean(axis + 1)
    return volume


def interpolate(volume: Array, factors: Sequence[int], grid: Grid) -> Array:
    """Return the linear interpolation between block centres, periodic, on the voxels of the fine `grid`."""
    xp = grid.backend.xp
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        before, after = xp.roll(volume, 1, axis), xp.roll(volume, -1, axis)
        finer = []
        for place in range(factor):
            offset = (place + 0.5) / factor - 0.5
            finer.append((1 - abs(offset)) * volume + abs(offset) * (before if offset < 0 else after))
        shape = list(volume.shape)
        shape[axis] *= factor
        volume = xp.stack(finer, axis + 1).reshape(shape)
    return volume
