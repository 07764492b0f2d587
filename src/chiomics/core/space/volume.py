"""A 3-D image with its place in the scanner, and the way from and to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiomics.core.images import read_image, voxel_size, write_image


@dataclass(frozen=True, eq=False)
class Volume:
    """An image on its grid.

    Parameters
    ----------
    voxels : ndarray, shape (x, y, z)
        Values, labels or a mask.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm, any orientation.
    """

    voxels: np.ndarray
    affine: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along x, y, z."""
        return self.voxels.shape

    @property
    def voxel_size(self) -> np.ndarray:
        """Voxel size in mm, one per voxel axis."""
        return voxel_size(self.affine)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def like(self, voxels: np.ndarray) -> Volume:
        """Put other voxels on the same grid."""
        if voxels.shape[:3] != self.voxels.shape[:3]:
            raise ValueError(f"shape {voxels.shape} does not fit the grid {self.voxels.shape}")
        return Volume(voxels, self.affine)

    @classmethod
    def read(cls, path: str | Path, *, dtype: type = np.float32) -> Volume:
        """Read an image; see `chiomics.core.images.read_image` for its errors."""
        return cls(*read_image(path, dtype=dtype))

    def write(self, path: str | Path) -> None:
        """Write the image whole or not at all."""
        write_image(path, self.voxels, self.affine)
