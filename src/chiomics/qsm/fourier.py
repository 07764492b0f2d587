"""Fourier transforms of real volumes on a padded box around the mask, for every dipole inversion.

An inversion works on a :class:`Grid`: the mask's bounding box, zero-padded so that the periodic dipole field of one
side does not reach the other, and cut to lengths that the FFT likes. Volumes are float32 and spectra are half-spectra
(complex64), which takes a quarter of the memory of a complex double FFT. The same inversion code runs on NumPy with
scipy.fft, on PyTorch (CPU or CUDA) and on CuPy: these three share the names used in this package, and what differs
between them is in :class:`Backend`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from chiomics.core.compiled import compiled
from chiomics.core.errors import InputError, SettingError
from chiomics.qsm.arrays import as_mask, as_values, as_voxel_size, in_mask

#: An array of the grid's backend: numpy.ndarray, torch.Tensor or cupy.ndarray.
Array = Any

#: Voxels per pass over a part of a volume, so that a handful of float32 parts fits in the cache of one core.
CACHED_VOXELS = 100_000

#: Zero padding in mm between the two sides of the box in the periodic grid; SEPIA and QSM-CI pad 12 voxels per side.
PADDING = 24.0


class Backend:
    """The array library that an inversion runs on.

    Parameters
    ----------
    name : {"numpy", "torch", "cupy"}
        ``torch`` uses CUDA where it is available, else the CPU; ``cupy`` needs a GPU.
    workers : int
        Threads of the FFT on NumPy, and of PyTorch on the CPU.

    Raises
    ------
    InputError
        Where the name is unknown.
    SettingError
        Where the library is not installed, which is no session's fault.
    """

    def __init__(self, name: str = "numpy", *, workers: int = 1) -> None:
        if name not in ("numpy", "torch", "cupy"):
            raise InputError("unknown array backend", found=repr(name), expected="numpy, torch or cupy")
        try:
            self.xp = importlib.import_module(name)
        except ImportError as error:
            raise SettingError(
                f"the backend {name!r} needs a library that is not installed", found=str(error), expected=name
            ) from error
        self.name = name
        if name == "numpy":
            self.fft, self.options = scipy.fft, {"workers": workers}
        else:
            self.fft, self.options = self.xp.fft, {}
        self.on_gpu = name == "cupy"
        if name == "torch":
            self.on_gpu = self.xp.cuda.is_available()
            self.device = "cuda" if self.on_gpu else "cpu"
            if not self.on_gpu:
                self.xp.set_num_threads(workers)

    def asarray(self, array: np.ndarray) -> Array:
        """Copy a NumPy array to the device, as float32."""
        array = np.array(array, dtype=np.float32, order="C")
        if self.name == "torch":
            return self.xp.from_numpy(array).to(self.device)
        return self.xp.asarray(array)

    def to_numpy(self, array: Array) -> np.ndarray:
        """Copy an array of the device to NumPy."""
        if self.name == "torch":
            return array.cpu().numpy()
        return array.get() if self.name == "cupy" else array

    def rfftn(self, volume: Array, shape: Sequence[int]) -> Array:
        """Return the half-spectrum of a real volume that is zero-padded at its far ends to `shape`."""
        return self.fft.rfftn(volume, s=tuple(shape), **self.options)

    def irfftn(self, spectrum: Array, shape: Sequence[int], *, overwrite: bool = False) -> Array:
        """Return the real volume of `shape` that a half-spectrum stands for, whose memory may be used."""
        if self.name != "numpy":
            return self.fft.irfftn(spectrum, s=tuple(shape), **self.options)
        # SciPy's own irfftn makes a copy of the spectrum, and fresh memory takes as long as the transform.
        spectrum = self.fft.ifftn(spectrum, axes=(0, 1), overwrite_x=overwrite, **self.options)
        return self.fft.irfft(spectrum, n=shape[2], axis=2, **self.options)

    def dot(self, a: Array, b: Array) -> float:
        """Return Re Σ conj(a)·b of two arrays of one shape, the rows in float32 and their sum in float64.

        Not by BLAS, whose result depends on the number of its threads.
        """
        if self.name == "torch":
            a, b = (self.xp.view_as_real(x) if x.is_complex() else x for x in (a, b))
            return float((a * b).sum(dim=-1).sum(dtype=self.xp.float64))
        a, b = (x.view(np.float32) for x in (a, b))
        return float(self.xp.einsum("...j,...j->...", a, b).sum(dtype=np.float64))


class Grid:
    """The padded box around a mask, its transforms and its frequencies.

    The box lies at the origin of the grid and the padding behind it: in a periodic grid that separates the two sides
    of the box as well as padding on each side does.

    Parameters
    ----------
    mask : ndarray of bool, shape (nx, ny, nz)
        Voxels to invert.
    voxel_size : sequence of float
        Voxel size in mm.
    padding : float
        Zeros between the two sides of the box, in mm.
    backend : {"numpy", "torch", "cupy"}
        Array library.
    workers : int
        Threads.
    multiple : sequence of 3 ints
        The shape is a multiple of this, for a coarser grid of blocks of so many voxels.

    Attributes
    ----------
    shape : tuple of int
        Of the padded box, even along each axis.
    mask : Array
        1 in the mask and 0 elsewhere, on the padded box.
    backend : Backend
        The array library.

    Raises
    ------
    InputError
        Where the mask is empty, not 3-D or none, and for a voxel size that is not three numbers above 0.
    """

    def __init__(
        self,
        mask: np.ndarray,
        *,
        voxel_size: Sequence[float],
        padding: float = PADDING,
        backend: str = "numpy",
        workers: int = 1,
        multiple: Sequence[int] = (1, 1, 1),
    ) -> None:
        self.image_mask = as_mask(mask)
        if self.image_mask.ndim != 3 or not self.image_mask.any():
            raise InputError(
                "no voxel to invert in the mask",
                found=f"shape {self.image_mask.shape}, {np.count_nonzero(self.image_mask)} voxels",
                expected="a 3-D mask with voxels",
            )
        self.voxel_size = as_voxel_size(voxel_size)
        self.backend, self.workers = Backend(backend, workers=workers), workers
        extents = [np.flatnonzero(self.image_mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        self.box = tuple(slice(int(extent[0]), int(extent[-1]) + 1) for extent in extents)
        lengths = [part.stop - part.start for part in self.box]
        self.shape = tuple(
            block * fast_length(-(-length // block) + padding / (block * edge))
            for length, edge, block in zip(lengths, self.voxel_size, multiple, strict=True)
        )
        self.mask = self.embed(self.image_mask)

    def embed(self, volume: np.ndarray) -> Array:
        """Copy the box of an image volume to the padded grid of the device.

        Raises
        ------
        InputError
            For another shape than the mask's, complex numbers, and values in the mask that are not finite.
        """
        if np.shape(volume) != self.image_mask.shape:
            raise InputError(
                "volume and mask differ in shape",
                found=str(np.shape(volume)),
                expected=str(self.image_mask.shape),
            )
        padded = np.zeros(self.shape, np.float32)
        inside = in_mask(as_values(volume)[self.box], self.image_mask[self.box])
        padded[tuple(slice(part.stop - part.start) for part in self.box)] = inside
        return padded if self.backend.name == "numpy" else self.backend.asarray(padded)

    def extract(self, volume: Array) -> np.ndarray:
        """Return a grid volume in the image's shape, zero outside the mask."""
        inside = self.backend.to_numpy(volume)[tuple(slice(part.stop - part.start) for part in self.box)]
        image = np.zeros(self.image_mask.shape, np.float32)
        image[self.box] = np.where(self.image_mask[self.box], inside, 0)
        return image

    def fft(self, volume: Array) -> Array:
        """Return the half-spectrum of a grid volume."""
        return self.backend.rfftn(volume, self.shape)

    def ifft(self, spectrum: Array, *, overwrite: bool = False) -> Array:
        """Return the grid volume of a half-spectrum; with `overwrite` its memory may be used."""
        return self.backend.irfftn(spectrum, self.shape, overwrite=overwrite)

    def convolve(self, volume: Array, kernel: Array) -> Array:
        """Return the convolution of a grid volume with a real half-spectrum."""
        spectrum = self.fft(volume)
        if self.backend.name == "numpy":
            _multiply(spectrum.view(np.float32), kernel)
        else:
            spectrum *= kernel
        return self.ifft(spectrum, overwrite=True)

    def slabs(self) -> list[slice]:
        """Return parts of the first axis whose arrays stay in the processor's cache; one part on a GPU."""
        planes = self.shape[0] if self.backend.on_gpu else max(2, CACHED_VOXELS // (self.shape[1] * self.shape[2]))
        starts = range(0, self.shape[0], planes)
        return [slice(start, min(start + planes, self.shape[0])) for start in starts]

    def dot(self, a: Array, b: Array) -> float:
        """Return the inner product of two grid volumes, or of two stacks of them."""
        return self.backend.dot(a, b)

    def spectrum_dot(self, a: Array, b: Array) -> float:
        """Return the inner product of the grid volumes that two half-spectra stand for (Parseval)."""
        # The columns of the last axis's first and last frequency stand for themselves, all others for two.
        own = sum(self.backend.dot(a[..., i].reshape(-1) + 0, b[..., i].reshape(-1) + 0) for i in (0, -1))
        return (2 * self.backend.dot(a, b) - own) / (self.shape[0] * self.shape[1] * self.shape[2])

    def norm(self, volume: Array) -> float:
        """Return the Euclidean norm of a grid volume, or of a stack of them."""
        return self.dot(volume, volume) ** 0.5

    def spectrum_norm(self, spectrum: Array) -> float:
        """Return the Euclidean norm of the grid volume that a half-spectrum stands for."""
        return self.spectrum_dot(spectrum, spectrum) ** 0.5

    def frequencies(self) -> list[np.ndarray]:
        """Return the three frequency axes of the half-spectrum in cycles/mm, shaped to broadcast."""
        axes = [scipy.fft.fftfreq(n, edge) for n, edge in zip(self.shape[:2], self.voxel_size[:2], strict=True)]
        axes.append(scipy.fft.rfftfreq(self.shape[2], self.voxel_size[2]))
        return [axis.reshape([-1 if i == j else 1 for j in range(3)]) for i, axis in enumerate(axes)]

    def laplacian_terms(self) -> list[np.ndarray]:
        """Return |E_d|² of each axis, E_d = (exp(2πi k_d) − 1)/h_d the spectrum of the forward difference per mm."""
        return [
            (2 - 2 * np.cos(2 * np.pi * axis * edge)) / edge**2
            for axis, edge in zip(self.frequencies(), self.voxel_size, strict=True)
        ]

    def laplacian(self) -> Array:
        """Return Σ|E_d|² on the half-spectrum."""
        terms = self.laplacian_terms()
        return self.backend.asarray(terms[0] + terms[1] + terms[2])


@compiled
def _multiply(spectrum: np.ndarray, kernel: np.ndarray) -> None:
    """Multiply a spectrum, whose real and imaginary parts take turns, by a real one; NumPy makes that complex first."""
    for i, j in np.ndindex(kernel.shape[:2]):
        parts, factors = spectrum[i, j], kernel[i, j]
        for k in range(factors.size):
            parts[2 * k] *= factors[k]
            parts[2 * k + 1] *= factors[k]


def fast_length(length: float) -> int:
    """Return the smallest even FFT length with prime factors up to 5 that is not below `length`."""
    return 2 * scipy.fft.next_fast_len(int(np.ceil(length / 2)), real=True)


def forward_difference(volume: Array, axis: int, part: slice, backend: Backend) -> Array:
    """Return the periodic difference to the next voxel along `axis`, for the planes `part` of the first axis."""
    planes = volume[part]
    if axis == 0:
        difference = backend.xp.empty_like(planes)
        difference[:-1] = planes[1:]
        difference[-1] = volume[part.stop % volume.shape[0]]
        difference -= planes
        return difference
    difference = backend.xp.empty_like(planes)
    here, after, last, first = _along(axis)
    difference[here] = planes[after]
    difference[last] = planes[first]
    difference -= planes
    return difference


def add_adjoint_difference(total: Array, difference: Array, axis: int, part: slice) -> None:
    """Add to `total` the adjoint of :func:`forward_difference` for the planes `part` of the first axis."""
    planes = total[part]
    planes -= difference
    if axis == 0:
        planes[1:] += difference[:-1]
        total[part.stop % total.shape[0]] += difference[-1]
    else:
        here, after, last, first = _along(axis)
        planes[after] += difference[here]
        planes[first] += difference[last]


def _along(axis: int) -> list[tuple[slice, ...]]:
    """Return indices of an axis: all but the last, all but the first, the last, the first."""
    parts = (slice(-1), slice(1, None), slice(-1, None), slice(1))
    return [tuple(part if i == axis else slice(None) for i in range(3)) for part in parts]
