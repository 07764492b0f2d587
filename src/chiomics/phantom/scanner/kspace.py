"""Grids that are finer than the acquisition, and the way back to it through k-space.

A scanner samples the centre of k-space, so a voxel is a sinc-weighted sum of the object: signals of a finer object are
brought to the acquisition grid by cutting their spectrum, which gives partial volume, dephasing inside the voxel and
Gibbs ringing as in a measurement (Marques et al. 2021, Magn Reson Med 86:526, section "data simulation").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft


@dataclass(frozen=True)
class FinerGrid:
    """A finer grid that holds the acquisition grid and a margin of whole acquisition voxels around it.

    Attributes
    ----------
    shape : tuple of int
        Shape of the finer grid.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates of the finer grid in mm.
    extended_shape : tuple of int
        Shape of the acquisition grid with its margin.
    inner : tuple of slice
        Where the acquisition grid lies in the extended one.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    extended_shape: tuple[int, ...]
    inner: tuple[slice, ...]

    def to_acquisition(self, volume: np.ndarray, *, workers: int = 1) -> np.ndarray:
        """Bring a volume on the finer grid to the acquisition grid through k-space."""
        return np.ascontiguousarray(crop_kspace(volume, self.extended_shape, workers=workers)[self.inner])

    def voxel_means(self, volume: np.ndarray) -> np.ndarray:
        """Average a volume on the finer grid over the acquisition voxels, which leaves no ringing."""
        for axis, (n_fine, n_coarse) in enumerate(zip(self.shape, self.extended_shape, strict=True)):
            weights = _overlap(n_fine, n_coarse)[self.inner[axis]]
            volume = np.moveaxis(np.tensordot(weights, volume, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(volume)

    def nearest(self, volume: np.ndarray) -> np.ndarray:
        """Take the finer voxel nearest to each acquisition voxel's centre, for labels."""
        for axis, (n_fine, n_coarse) in enumerate(zip(self.shape, self.extended_shape, strict=True)):
            centres = np.arange(n_coarse)[self.inner[axis]] * (n_fine / n_coarse)
            volume = np.take(volume, np.rint(centres).astype(int) % n_fine, axis=axis)
        return volume


def finer_grid(
    shape: tuple[int, ...],
    affine: np.ndarray,
    *,
    factor: float,
    margin: tuple[tuple[int, int], ...] = ((0, 0), (0, 0), (0, 0)),
) -> FinerGrid:
    """Lay a finer grid over an acquisition grid.

    Both grids share the centre of the first voxel of the extended grid, and span the same periodic field of view, so
    that cutting k-space leads from one to the other without interpolation.

    Parameters
    ----------
    shape : tuple of int
        Shape of the acquisition grid.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates of the acquisition grid in mm.
    factor : float or sequence of 3 floats
        Minimum number of finer voxels per acquisition voxel and axis; rounded up to a size that the FFT is fast for.
    margin : tuple of pairs of int
        Acquisition voxels added before and after, per axis: what of the head lies outside the imaged slab.

    Returns
    -------
    FinerGrid
        The grid and the ways back to the acquisition grid.
    """
    extended = tuple(n + before + after for n, (before, after) in zip(shape, margin, strict=True))
    factors = np.broadcast_to(np.asarray(factor, float), (3,))
    fine = tuple(fft.next_fast_len(int(np.ceil(n * f)), real=True) for n, f in zip(extended, factors, strict=True))
    fine_affine = np.array(affine, float)
    fine_affine[:3, 3] -= fine_affine[:3, :3] @ [before for before, _ in margin]
    fine_affine[:3, :3] *= np.array(extended) / np.array(fine)
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(shape, margin, strict=True))
    return FinerGrid(fine, fine_affine, extended, inner)


def crop_kspace(volume: np.ndarray, shape: tuple[int, ...], *, workers: int = 1) -> np.ndarray:
    """Keep the central part of a volume's spectrum, which resamples it to a coarser grid of the same field of view.

    Parameters
    ----------
    volume : ndarray, shape (X, Y, Z)
        Real or complex volume; its type's precision is kept.
    shape : tuple of int
        Shape of the coarser grid, no axis longer than the volume's.
    workers : int
        Threads of the FFT.

    Returns
    -------
    ndarray
        Volume of `shape`; its mean is that of the input, and it is real where the input is.
    """
    is_real = not np.iscomplexobj(volume)
    for axis, n in enumerate(shape):
        length = volume.shape[axis]
        if n > length:
            raise ValueError(f"k-space cannot be cropped from {length} to {n} samples")
        if n == length:
            continue
        spectrum = fft.fft(volume, axis=axis, workers=workers)
        low, high = (n + 1) // 2, n // 2
        kept = np.concatenate(
            [np.take(spectrum, range(low), axis), np.take(spectrum, range(length - high, length), axis)], axis
        )
        volume = fft.ifft(kept, axis=axis, workers=workers, overwrite_x=True)
        volume *= n / length
        if is_real:
            volume = volume.real
    return np.ascontiguousarray(volume)


def _overlap(n_fine: int, n_coarse: int) -> np.ndarray:
    """Return the share of each finer voxel in each coarser one, rows summing to 1, first centres aligned, periodic."""
    ratio = n_fine / n_coarse
    coarse = np.arange(n_coarse)[:, None] * ratio
    fine = np.arange(-n_fine, 2 * n_fine)[None, :]
    low = np.maximum(coarse - ratio / 2, fine - 0.5)
    high = np.minimum(coarse + ratio / 2, fine + 0.5)
    shares = np.clip(high - low, 0, None) / ratio
    return shares.reshape(n_coarse, 3, n_fine).sum(axis=1).astype(np.float32)
