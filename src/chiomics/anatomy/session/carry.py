"""Carry what was drawn onto another grid: lesions with their volume, and what of them is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.space.grids import same_grid
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Share of a mask's volume that may be lost on its way to the gradient echo's voxels, and where that is looked at, ml.
MAX_LOST, MIN_VOLUME = 0.05, 0.1
#: A voxel of the gradient echo is no lesion below this share, however small the lesion.
MIN_SHARE = 0.25


def in_place(volume: Volume, gre: Volume, chain: Chain) -> bool:
    """Tell whether an image lies on the gradient echo's voxels and is not moved: then it stays as it is."""
    return same_grid(volume, gre) and chain.is_linear and np.allclose(chain.matrix(), np.eye(4), atol=1e-4)


def carry_lesions(lesions: Volume, gre: Volume, to_gre: Chain) -> Volume:
    """Carry lesions as one mask, which keeps their volume, and give each of its voxels the nearest lesion's label.

    Parameters
    ----------
    lesions : Volume
        One label per lesion.
    gre : Volume
        Whose grid the result has.
    to_gre : Chain
        From the world of the lesions.

    Returns
    -------
    Volume
        Labels of `lesions`.
    """
    if in_place(lesions, gre, to_gre):
        return lesions
    fraction = resample(lesions.like((lesions.voxels > 0).astype(np.float32)), gre, to_gre).voxels
    # One half would lose lesions of a few voxels, whose fraction is below that everywhere: the border is put where the
    # volume stays.
    count = round(float(fraction.sum()))
    level = np.partition(fraction.ravel(), -count)[-count] if count else 1.0
    inside = fraction >= np.clip(level, MIN_SHARE, 0.5)
    labels = resample(lesions, gre, to_gre, interpolation="nearest").voxels
    if inside.any() and labels.any():
        nearest = ndimage.distance_transform_edt(
            labels == 0, sampling=gre.voxel_size, return_distances=False, return_indices=True
        )
        labels = labels[tuple(nearest)]
    return gre.like(np.where(inside, labels, 0))


def seen_share(labels: Volume, image: Volume, chain: Chain) -> float:
    """Return the share of what was drawn that lies in an image's field of view; 1 where nothing was drawn."""
    index = np.argwhere(labels.voxels > 0)
    if not len(index):
        return 1.0
    points = chain.map_points(world_points(labels, index.T))
    return float(nearest_values(image.like(np.ones(image.voxels.shape[:3], np.float32)), points).mean())


def lesions_on_gre(lesions: Volume, gre: Volume, to_gre: Chain) -> tuple[Volume, dict[str, float]]:
    """Carry lesions as `carry_lesions` does, and give their volumes in ml: all, within the GRE's view, and on it."""
    carried = carry_lesions(lesions, gre, to_gre)
    volume = float((lesions.voxels > 0).sum() * lesions.voxel_volume * 1e-3)
    within = seen_share(lesions, gre, to_gre) * volume
    after = float((carried.voxels > 0).sum() * gre.voxel_volume * 1e-3)
    return carried, {"VolumeMl": volume, "VolumeMlWithinGRE": within, "VolumeMlOnGRE": after}


def check_kept(volumes: Mapping[str, float], path: Path) -> None:
    """Refuse lesions of which more than a few per cent went lost between two grids; volumes of `lesions_on_gre`."""
    before, after = volumes["VolumeMlWithinGRE"], volumes["VolumeMlOnGRE"]
    if before > MIN_VOLUME and after < (1 - MAX_LOST) * before - MIN_VOLUME:
        raise InputError(
            "part of the lesion mask is lost on the way to the gradient echo's voxels", file=path,
            found=f"{after:.2f} of {before:.2f} ml", expected=f"at least {1 - MAX_LOST:.0%}",
        )  # fmt: skip


def world_points(grid: Volume, index: np.ndarray) -> np.ndarray:
    """Return the world points, in mm, of voxel indices of shape (3, n)."""
    return grid.affine[:3, :3] @ index + grid.affine[:3, 3:]


def nearest_values(volume: Volume, points: np.ndarray) -> np.ndarray:
    """Return the values at the nearest voxels, 0 outside."""
    back = np.linalg.inv(volume.affine)
    index = np.rint(back[:3, :3] @ points + back[:3, 3:]).astype(int)
    held = ((index >= 0) & (index < np.array(volume.voxels.shape[:3])[:, None])).all(axis=0)
    values = np.zeros(points.shape[1], np.float32)
    values[held] = volume.voxels[tuple(index[:, held])]
    return values
