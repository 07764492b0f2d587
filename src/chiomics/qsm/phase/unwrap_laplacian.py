"""Laplacian phase unwrapping, with cosine transforms or with padded Fourier transforms.

The Laplacian of the true phase follows from wrapped differences alone, and is inverted in the transform's domain.

- `unwrap_cosine`: least squares with Neumann boundaries at the array faces (Ghiglia and Romero 1994, JOSA A 11:107).
  Keeps the background field; the default.
- `unwrap_fourier`: cosφ·∇²sinφ - sinφ·∇²cosφ in k-space (Schofield and Zhu 2003, Opt Lett 28:1194), zero-padded, as
  in STI Suite. The padding step adds a harmonic error, which background removal takes away.

Where the phase differs by more than π between neighbours (next to air, in veins) both smooth the truth away.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from chiomics.qsm.arrays import as_mask, in_mask

#: Zero padding on each side in voxels (STI Suite's default).
FOURIER_PADDING = 12


def unwrap_cosine(
    phase: np.ndarray, mask: np.ndarray | None = None, *, voxel_size: np.ndarray, workers: int = 1
) -> np.ndarray:
    """Unwrap by least squares with a cosine transform.

    Parameters
    ----------
    phase : ndarray, shape (x, y, z)
        Wrapped phase in rad.
    mask : ndarray of bool, shape (x, y, z), optional
        Voxels to keep; the others are zero in the result, but take part in the fit.
    voxel_size : array-like, shape (3,)
        In mm.
    workers : int
        Threads of the transform.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Unwrapped phase in rad, with zero mean over the array.

    References
    ----------
    Ghiglia and Romero 1994, J Opt Soc Am A 11:107.
    """
    mask = None if mask is None else as_mask(mask)
    phase = (phase if mask is None else in_mask(phase, mask, "phase")).astype(np.float32, copy=False)
    laplacian = np.zeros(phase.shape, np.float32)
    for axis in range(3):
        step = np.diff(phase, axis=axis)
        wrap(step)
        step /= np.float32(voxel_size[axis] ** 2)
        laplacian[_along(axis, slice(None, -1))] += step
        laplacian[_along(axis, slice(1, None))] -= step
    spectrum = fft.dctn(laplacian, type=2, norm="ortho", overwrite_x=True, workers=workers)
    eigenvalues = np.zeros((1, 1, 1), np.float32)
    for axis, (size, length) in enumerate(zip(phase.shape, voxel_size, strict=True)):
        values = 2 * (np.cos(np.pi * np.arange(size) / size) - 1) / length**2
        eigenvalues = eigenvalues + values.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    eigenvalues[0, 0, 0] = 1
    spectrum /= eigenvalues
    spectrum[0, 0, 0] = 0
    unwrapped = fft.idctn(spectrum, type=2, norm="ortho", overwrite_x=True, workers=workers)
    return unwrapped if mask is None else np.where(mask, unwrapped, np.float32(0))


def unwrap_fourier(
    phase: np.ndarray, mask: np.ndarray | None = None, *, voxel_size: np.ndarray, workers: int = 1
) -> np.ndarray:
    """Unwrap with the Fourier Laplacian of the sine and cosine of the phase.

    Parameters
    ----------
    phase : ndarray, shape (x, y, z)
        Wrapped phase in rad.
    mask : ndarray of bool, shape (x, y, z), optional
        Voxels to keep; the phase outside is set to zero first, as STI Suite's pipelines do.
    voxel_size : array-like, shape (3,)
        In mm.
    workers : int
        Threads of the transform.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Unwrapped phase in rad.

    References
    ----------
    Schofield and Zhu 2003, Opt Lett 28:1194. Li et al. 2014, NMR Biomed 27:219.
    """
    mask = None if mask is None else as_mask(mask)
    phase = phase if mask is None else in_mask(phase, mask, "phase")
    shape = phase.shape
    padded = [fft.next_fast_len(size + 2 * FOURIER_PADDING, real=True) for size in shape]
    inside = tuple(slice(FOURIER_PADDING, FOURIER_PADDING + size) for size in shape)
    angle = np.zeros(padded, np.float32)
    angle[inside] = phase if mask is None else np.where(mask, phase, np.float32(0))
    sine, cosine = np.sin(angle), np.cos(angle)
    frequencies = [fft.fftfreq(n, h) for n, h in zip(padded[:2], voxel_size[:2], strict=True)]
    frequencies.append(fft.rfftfreq(padded[2], voxel_size[2]))
    squared = sum(np.float32(k.reshape([-1 if a == axis else 1 for a in range(3)])) ** 2
                  for axis, k in enumerate(frequencies))  # fmt: skip

    def filtered(image: np.ndarray, response: np.ndarray) -> np.ndarray:
        return fft.irfftn(fft.rfftn(image, workers=workers) * response, s=padded, workers=workers)

    laplacian = cosine * filtered(sine, squared) - sine * filtered(cosine, squared)
    squared[0, 0, 0] = np.inf
    unwrapped = filtered(laplacian, 1 / squared)[inside]
    return np.ascontiguousarray(unwrapped) if mask is None else np.where(mask, unwrapped, np.float32(0))


def wrap(phase: np.ndarray) -> np.ndarray:
    """Wrap phase to [-π, π], in place; returns the same array."""
    turns = phase * np.float32(1 / (2 * np.pi))
    np.rint(turns, out=turns)
    turns *= np.float32(2 * np.pi)
    phase -= turns
    return phase


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    """Index of a part of one axis."""
    return tuple(part if a == axis else slice(None) for a in range(3))
