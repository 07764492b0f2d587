"""Turns of the phase around a strong compact source, such as a calcification, from the dipole that it is seen as.

At its surface the field changes by more than half a turn from voxel to voxel, so that unwrapping loses turns there and
the doubt about them (`doubtful_voxels`) takes the whole source out of the map. But from two voxels away on, its field
is that of a point dipole beside a smooth background, and that of a ball is the same down to its surface: it predicts
the turns around the source, for any radius. The radius, and whether to believe any of it, is told by how much of the
field a background and piecewise uniform tissue then explain.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.optimize import least_squares

from chiomics.qsm.background.pdf import unexplained_field
from chiomics.qsm.data_weight import echo_agreement, inversion_weight

#: Doubtful voxels of a piece that is looked at, at least and at most.
SIZES = 20, 5000
#: mm of the known surroundings that the dipole is fitted to, from the doubtful voxels on, and that the model sees.
GAP, REACH, MARGIN = 2.0, 8.0, 12.0
#: The dipole has to leave less than this share of what the smooth background alone leaves of the field around it, and
#: the turns less than this share of the squared unexplained field. Balls of 2.6 and 3.4 mm of 3.3 ppm at 7 T and 1 mm,
#: computed on voxels a third as large: all turns are right where the share is 0.06, and some wrong at 0.3 to 0.7.
DIPOLE_SHARE, TURNS_SHARE = 0.3, 0.2
#: Radii of the ball that are tried, in mm.
RADII = np.arange(1.0, 8.0, 0.2)

log = logging.getLogger(__name__)


def turns_around_sources(
    field: np.ndarray,
    inverse_sd: np.ndarray,
    quality: np.ndarray,
    doubtful: np.ndarray,
    mask: np.ndarray,
    *,
    turn: float,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:
    """Find the turns that are missing around strong compact sources inside the brain.

    Parameters
    ----------
    field, inverse_sd, quality : ndarray, shape (x, y, z)
        Total field in ppm, the inverse of its noise in any unit, and how well the echoes agree, 0 to 1.
    doubtful, mask : ndarray of bool, shape (x, y, z)
        Voxels whose number of turns is a guess, and the brain.
    turn : float
        Field in ppm of one turn that the echoes cannot tell.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.

    Returns
    -------
    turns : ndarray of int, shape (x, y, z)
        To add to the field's.
    settled : ndarray of bool, shape (x, y, z)
        Doubtful voxels that are right with these turns.
    """
    turns, settled = np.zeros(mask.shape, np.int32), np.zeros(mask.shape, bool)
    inner = ndimage.binary_erosion(mask, np.ones((3, 3, 3), bool), iterations=2)
    pieces, _ = ndimage.label(ndimage.binary_dilation(doubtful & mask, np.ones((3, 3, 3), bool)))
    margin = [int(np.ceil(MARGIN / edge)) for edge in voxel_size]
    sizes = np.bincount(pieces[doubtful & mask], minlength=pieces.max() + 1)
    outer = np.bincount(pieces[doubtful & mask & ~inner], minlength=pieces.max() + 1)
    for number, place in enumerate(ndimage.find_objects(pieces), 1):
        if outer[number] or not SIZES[0] <= sizes[number] <= SIZES[1]:
            continue
        box = tuple(
            slice(max(part.start - more, 0), part.stop + more) for part, more in zip(place, margin, strict=True)
        )
        own = doubtful[box] & (pieces[box] == number)
        agreement = echo_agreement(quality[box], mask[box], voxel_size=voxel_size)
        weight = inversion_weight(inverse_sd[box], agreement, mask[box])
        found = _turns_of_piece(
            field[box], weight, own, doubtful[box], mask[box],
            turn=turn, voxel_size=voxel_size, b0_direction=b0_direction,
        )  # fmt: skip
        if found is not None:
            turns[box] += found
            settled[box] |= own
            log.info("a strong source: %d doubtful voxels settled, %d by turns", own.sum(), np.count_nonzero(found))
    return turns, settled


def _turns_of_piece(
    field: np.ndarray,
    weight: np.ndarray,
    own: np.ndarray,
    doubtful: np.ndarray,
    mask: np.ndarray,
    *,
    turn: float,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
) -> np.ndarray | None:
    """Return the turns to add around one piece, None where it is no such source or nothing is gained."""
    away = ndimage.distance_transform_edt(~own, sampling=voxel_size)
    ring = mask & ~doubtful & (away > GAP) & (away <= REACH) & (weight > 0.3)
    place = np.moveaxis(np.indices(field.shape), 0, -1) * np.asarray(voxel_size)
    centre = place[own].mean(axis=0)
    smooth = _quadratic(place[ring] - centre)
    if np.count_nonzero(ring) < 10 * smooth.shape[1]:
        return None
    basis, _ = np.linalg.qr(smooth)
    direction = np.asarray(b0_direction, float) / np.linalg.norm(b0_direction)

    def left(dipole: np.ndarray) -> np.ndarray:
        rest = field[ring] - dipole[0] * _dipole(place[ring] - dipole[1:], direction)
        return 1e3 * (rest - basis @ (basis.T @ rest))

    alone = left(np.array([0.0, *centre]))
    dipole = least_squares(left, [0.0, *centre], x_scale=[1.0, *voxel_size], loss="soft_l1", f_scale=10.0).x
    # The middle of a source is calm, and need not be among the doubtful voxels around it.
    in_piece = (dipole[1:] > place[own].min(axis=0)) & (dipole[1:] < place[own].max(axis=0))
    if not in_piece.all() or np.sum(left(dipole) ** 2) > DIPOLE_SHARE * np.sum(alone**2):
        return None
    rest = field[ring] - dipole[0] * _dipole(place[ring] - dipole[1:], direction)
    coefficients = np.linalg.lstsq(smooth, rest, rcond=None)[0]
    near = mask & (away <= GAP + max(voxel_size))
    predicted = (
        dipole[0] * _dipole(place[near] - dipole[1:], direction) + _quadratic(place[near] - centre) @ coefficients
    )
    missing = np.rint((predicted - field[near]) / turn).astype(np.int32)
    distance = np.linalg.norm(place[near] - dipole[1:], axis=-1)
    tried: dict[bytes, tuple[float, np.ndarray]] = {}
    for radius in (np.inf, *RADII[distance.max() > RADII]):
        turns = np.zeros(field.shape, np.int32)
        turns[near] = np.where(distance > radius, missing, 0)
        if turns.tobytes() not in tried:
            more = field + (turn * turns).astype(np.float32)
            unexplained = unexplained_field(more, mask, weight, voxel_size=voxel_size, b0_direction=b0_direction)
            tried[turns.tobytes()] = float(np.sum((weight * unexplained)[near] ** 2)), turns
    untouched = next(iter(tried.values()))[0]
    least, turns = min(tried.values(), key=lambda pair: pair[0])
    return turns if least < TURNS_SHARE * untouched else None


def _dipole(offset: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return (3·cos² − 1)/r³ at offsets in mm; the moment is then in ppm·mm³."""
    square = np.maximum(np.sum(offset**2, axis=-1), 1e-3)
    return (3 * (offset @ direction) ** 2 / square - 1) / square**1.5


def _quadratic(offset: np.ndarray) -> np.ndarray:
    """Return the ten monomials up to the second degree at offsets in mm."""
    x, y, z = (offset / 10).T
    return np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
