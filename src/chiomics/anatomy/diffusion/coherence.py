"""Whether fibres run on from voxel to voxel, which tells gradient directions whose axes are mirrored or swapped.

Fibre coherence index (Schilling et al. 2019, Magn Reson Imaging 58:82): pairs of neighbours whose main directions both
point along the line between them. Mirroring or swapping the axes of the gradient table does the same to the directions,
so that the tensor is fitted once; the right table has the highest index.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

#: Anisotropy of voxels that count: white matter, of one direction mostly; noise alone has less.
MIN_ANISOTROPY = 0.4
#: Smallest cosine between a direction and the line to its neighbour, 45 degrees.
ALONG = np.cos(np.deg2rad(45))
#: Another table is better if its index is higher by this share. Of two real series (Philips 2 mm, UIH 3.5 mm, 16
#: directions, b 1000) the best other table has 0.88 and 0.85 of the right one's index, with 8 of the directions up to
#: 0.91; so a wrong table is surpassed by 10 % at least. Fewer pairs than this tell nothing.
BETTER, FEWEST_PAIRS = 0.05, 200


@dataclass(frozen=True)
class TableTest:
    """Comparison of the table as it is with all mirrored and swapped ones.

    Parameters
    ----------
    own, best : float
        Coherence index of the table as it is, and the highest of the others.
    change : str
        How the best other one differs, e.g. ``x mirrored``.
    """

    own: float
    best: float
    change: str

    @property
    def other_is_better(self) -> bool:
        """Whether another table fits clearly better."""
        return self.best >= FEWEST_PAIRS and self.best > (1 + BETTER) * self.own


def compare_tables(directions: np.ndarray, anisotropy: np.ndarray, voxel_size: np.ndarray) -> TableTest:
    """Compare a gradient table with mirrored and swapped ones.

    Parameters
    ----------
    directions : ndarray, shape (x, y, z, 3)
        Main direction of diffusion along the voxel axes; sign and length do not matter.
    anisotropy : ndarray, shape (x, y, z)
        Fractional anisotropy.
    voxel_size : ndarray, shape (3,)
        In mm.

    Returns
    -------
    TableTest
        Indices in numbers of pairs, weighted with their anisotropy.
    """
    length = np.linalg.norm(directions, axis=-1)
    inside = np.flatnonzero((anisotropy > MIN_ANISOTROPY) & (length > 0))
    place = np.full(anisotropy.size, -1)
    place[inside] = np.arange(inside.size)
    lines = directions.reshape(-1, 3)[inside] / length.ravel()[inside, None]
    weight = anisotropy.ravel()[inside]
    index = np.array(np.unravel_index(inside, anisotropy.shape)).T
    pairs = []
    for offset in itertools.product((-1, 0, 1), repeat=3):
        if offset <= (0, 0, 0):
            continue
        there = index + offset
        held = ((there >= 0) & (there < anisotropy.shape)).all(axis=1)
        other = np.full(len(index), -1)
        other[held] = place[np.ravel_multi_index(there[held].T, anisotropy.shape)]
        own = np.flatnonzero(other >= 0)
        along = np.array(offset) * voxel_size
        pairs.append((own, other[own], along / np.linalg.norm(along)))
    found = {}
    for order in itertools.permutations(range(3)):
        for signs in ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)):
            turned = lines[:, order] * signs
            found[order, signs] = sum(
                float((weight[one] + weight[two])[_run_on(turned[one], turned[two], along)].sum()) / 2
                for one, two, along in pairs
            )
    own = found.pop(((0, 1, 2), (1, 1, 1)))
    best = max(found, key=lambda change: found[change])
    return TableTest(own, found[best], _worded(*best))


def _run_on(one: np.ndarray, two: np.ndarray, along: np.ndarray) -> np.ndarray:
    return (np.abs(one @ along) > ALONG) & (np.abs(two @ along) > ALONG)


def _worded(order: tuple[int, ...], signs: tuple[int, ...]) -> str:
    mirrored = [f"{'xyz'[axis]} mirrored" for axis in range(3) if signs[axis] < 0]
    swapped = [f"x, y, z read as {', '.join('xyz'[axis] for axis in order)}"] if order != (0, 1, 2) else []
    return " and ".join(swapped + mirrored)
