"""Magnetic field of a susceptibility distribution, for the forward simulation of a whole head.

In Fourier space the field along B0, relative to B0 and with the Lorentz sphere, is D(k) χ(k) with
D(k) = 1/3 − (k·b)²/|k|² (Salomir et al. 2003, Concepts Magn Reson B 19:26; Marques & Bowtell 2005, ibid. 25:65).
The FFT makes the sources periodic; padding moves the copies away. The field is meant to be computed on a grid finer
than that of the acquisition (`kspace.finer_grid`), so that an inversion on the acquisition grid does not share the
discretisation that made its input.
"""

from __future__ import annotations

import numpy as np
from scipy import fft


def dipole_field(
    chi: np.ndarray,
    *,
    voxel_size: np.ndarray,
    b0_direction: np.ndarray,
    exterior: float = 0.0,
    padding: float = 1.5,
    smoothing: float = 0.0,
    workers: int = 1,
) -> np.ndarray:
    """Compute the relative field shift of a susceptibility map.

    Parameters
    ----------
    chi : ndarray, shape (X, Y, Z)
        Susceptibility in ppm.
    voxel_size : array_like, shape (3,)
        voxel size in mm.
    b0_direction : array_like, shape (3,)
        Direction of B0 in voxel axes.
    exterior : float
        Susceptibility in ppm of everything outside the grid; the grid's border should have it.
    padding : float
        Length of the periodic box over the length of the grid, per axis, at least 1.
    smoothing : float
        Standard deviation in mm of a Gaussian that the sources are smoothed with. Where the field is harmonic, that is
        away from sources, smoothing leaves it as it is, but takes away the ringing of steps such as bone to air.
    workers : int
        Threads of the FFT.

    Returns
    -------
    ndarray, shape (X, Y, Z)
        Field shift in ppm of B0, float32, up to a constant (its mean over the periodic box is 0).

    References
    ----------
    Salomir R, de Senneville BD, Moonen CTW (2003). A fast calculation method for magnetic field inhomogeneity due to an
    arbitrary distribution of bulk susceptibility. Concepts Magn Reson B 19:26.
    """
    box = tuple(fft.next_fast_len(int(np.ceil(n * padding)), real=True) for n in chi.shape)
    spectrum = fft.rfftn(np.asarray(chi, np.float32) - np.float32(exterior), box, workers=workers)
    spectrum *= dipole_kernel(box, voxel_size=voxel_size, b0_direction=b0_direction)
    if smoothing:
        frequencies = [fft.fftfreq(n, h) for n, h in zip(box[:2], voxel_size[:2], strict=True)]
        for axis, k in enumerate([*frequencies, fft.rfftfreq(box[2], voxel_size[2])]):
            window = np.exp(-2 * (np.pi * smoothing * k) ** 2).astype(np.float32)
            spectrum *= window.reshape([-1 if a == axis else 1 for a in range(3)])
    field = fft.irfftn(spectrum, box, workers=workers, overwrite_x=True)
    return np.ascontiguousarray(field[tuple(slice(n) for n in chi.shape)])


def dipole_kernel(shape: tuple[int, ...], *, voxel_size: np.ndarray, b0_direction: np.ndarray) -> np.ndarray:
    """Evaluate D(k) = 1/3 − (k·b)²/|k|² on the half spectrum of a real FFT, with D(0) = 0.

    Parameters
    ----------
    shape : tuple of int
        Shape of the volume before the transform.
    voxel_size : array_like, shape (3,)
        voxel size in mm.
    b0_direction : array_like, shape (3,)
        Direction of B0 in voxel axes.

    Returns
    -------
    ndarray, shape (X, Y, Z // 2 + 1)
        Kernel, float32.
    """
    b0 = np.asarray(b0_direction, float) / np.linalg.norm(b0_direction)
    frequencies = [fft.fftfreq(n, h) for n, h in zip(shape[:2], voxel_size[:2], strict=True)]
    frequencies.append(fft.rfftfreq(shape[2], voxel_size[2]))
    kx, ky, kz = (k.astype(np.float32) for k in np.meshgrid(*frequencies, indexing="ij", sparse=True))
    squared = kx**2 + ky**2 + kz**2
    squared[0, 0, 0] = 1
    along = kx * np.float32(b0[0]) + ky * np.float32(b0[1]) + kz * np.float32(b0[2])
    kernel = np.float32(1 / 3) - along**2 / squared
    kernel[0, 0, 0] = 0
    return kernel


def shim(field: np.ndarray, mask: np.ndarray, *, voxel_size: np.ndarray, order: int = 2) -> np.ndarray:
    """Remove the solid harmonics up to `order` that fit the field best inside a mask, as a scanner's shim does.

    Parameters
    ----------
    field : ndarray, shape (X, Y, Z)
        Field in ppm.
    mask : ndarray of bool, shape (X, Y, Z)
        Where the field is made homogeneous.
    voxel_size : array_like, shape (3,)
        voxel size in mm.
    order : int
        0 centre frequency, 1 gradients, 2 second order.

    Returns
    -------
    ndarray, shape (X, Y, Z)
        Shimmed field in ppm, float32.
    """
    axes = [(np.arange(n) - (n - 1) / 2) * h / 100 for n, h in zip(field.shape, voxel_size, strict=True)]
    x, y, z = (axis.astype(np.float32) for axis in np.meshgrid(*axes, indexing="ij", sparse=True))
    terms = [np.ones((1, 1, 1), np.float32)]
    if order >= 1:
        terms += [x, y, z]
    if order >= 2:
        terms += [x * y, y * z, z * x, x**2 - y**2, 2 * z**2 - x**2 - y**2]
    inside = np.flatnonzero(mask)[::7]
    design = np.stack([np.broadcast_to(term, field.shape).ravel()[inside] for term in terms], axis=1)
    weights = np.linalg.lstsq(design.astype(float), field.ravel()[inside].astype(float), rcond=None)[0]
    shimmed = np.array(field, np.float32)
    for weight, term in zip(weights, terms, strict=True):
        shimmed -= np.float32(weight) * term
    return shimmed
