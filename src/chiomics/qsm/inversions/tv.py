"""Total variation inversion by alternating directions.

Bilgic, Fan, Polimeni, Cauley, Bianciardi, Adalsteinsson, Wald, Setsompop 2014 (MRM 72:1444) for the splitting
z = ∇χ; Milovic, Bilgic, Zhao, Acosta-Cabronero, Tejos 2018 (FANSI, MRM 80:814) for the second splitting s = D*χ, which
lets every voxel have its own data weight W at the price of one more pair of FFTs per iteration:

    min ½‖√W·(D*χ − φ)‖² + λ·‖P·∇χ‖₁
    Fχ = [ μ·D·F(s − t) + ρ·F∇ᵀ(z − u) ] / (μ·D² + ρ·Σ|E_d|²)
    z  = soft(∇χ + u, λ·P/ρ),  u += ∇χ − z;    s = (W·φ + μ·(D*χ + t)) / (W + μ),  t += D*χ − s.

Both splittings are over-relaxed: α·∇χ + (1 − α)·z stands for ∇χ there, and likewise for D*χ.

W is 0 outside the mask: what the field is there is unknown, not 0. There χ is free, and with a smaller λ it takes up
what background removal has left: a field that sources outside explain better than sources inside. Nothing of it is
returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft

from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import PADDING, Array, Grid, add_adjoint_difference, forward_difference
from chiomics.qsm.inversions.tv_passes import divide_spectra, split_data, split_gradient
from chiomics.qsm.phase.field_noise import scaled_regularisation
from chiomics.qsm.settings import Count, NotNegative, Positive

#: μ of the data splitting. FANSI has 1. With 20 iterations on simulated heads, 1 is as good on a true local field and
#: worse on an estimated one (χ error 33.9 against 31.1 %), 0.1 the other way round.
DATA_PENALTY = 0.3
#: Over-relaxation of both splittings (Eckstein & Bertsekas 1992, Math Program 55:293). 12 iterations get as far as 20
#: without: error of χ on two simulated heads 22.9 and 22.8, 26.8 and 26.7 % from the true local field, from phase 40.7
#: and 41.0 %.
RELAXATION = 1.7
#: λ in ppm·mm without noise, and the noise in ppm that doubles it. On seven simulated heads from phase χ has its least
#: error at 4.5e-5 to 5.5e-5 (voxels of 2 mm, noise 0.0009), 5.5e-5 (1.25 and 1.5 mm, 0.0011), 6.5e-5 to 9e-5 (1 mm,
#: 0.0012), 9e-5 (2 mm, 0.0013), 1.6e-4 (1.5 mm, 0.0020), and above 6e-4 (3 mm, 0.0028, where most of the field's error
#: is no noise); the nuclei at or just below these. From the true local field of three heads 4e-5 does best, or nearly.
REGULARISATION, DOUBLING_NOISE = 2.5e-5, 0.0008
#: Edge in mm below which λ rises with the fineness of the voxels, and ρ does not: 1.1e-4 (0.6 mm, noise 0.0010) and
#: 1.6e-4 (0.75 mm, 0.0014) on two more of those heads, with errors of 43.9 and 47.4 %, 44.4 and 47.9 % where ρ rises.
FINE_EDGE = 1.0


def tv(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    regularisation: Positive = REGULARISATION,
    noise: float = 0.0,
    outside: NotNegative = 0.1,
    gradient_penalty: Positive = 200.0,
    iterations: Count = 12,
    padding: float = PADDING,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field with a total variation penalty.

    Parameters
    ----------
    local_field : ndarray, shape (nx, ny, nz)
        In ppm of B0.
    mask : ndarray of bool, shape (nx, ny, nz)
        Voxels with a field.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    weight : ndarray, optional
        Trust in the field of each voxel, 0 to 1; by default 1 in the mask.
    regularisation : float
        λ in ppm·mm for a field without noise.
    noise : float
        Standard deviation of the field's noise in ppm, from `field_noise`; λ rises with its square, and where the
        finest edge of the voxels is below 1 mm with their fineness.
    outside : float
        λ outside the mask relative to inside: 1 for a local field without remains of the background.
    gradient_penalty : float
        ρ/λ in 1/ppm: differences below its inverse, 0.005 ppm, are noise.
    iterations : int
        Alternations.
    padding : float
        Of `Grid`, in mm.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    chi : ndarray of float32, shape (nx, ny, nz)
        In ppm, zero outside the mask. Scales with the field where λ does and ρ/λ inversely.
    """
    grid = Grid(mask, voxel_size=voxel_size, padding=padding, backend=backend, workers=workers)
    fineness = max(1.0, FINE_EDGE / min(voxel_size)) if noise else 1.0
    data_weight = grid.mask if weight is None else grid.mask * grid.embed(weight)
    chi = total_variation(
        grid,
        grid.embed(local_field),
        data_weight,
        dipole_kernel(grid, b0_direction),
        regularisation=fineness * scaled_regularisation(regularisation, noise, DOUBLING_NOISE),
        outside=outside,
        gradient_penalty=gradient_penalty / fineness,
        iterations=iterations,
    )
    return grid.extract(chi)


def total_variation(
    grid: Grid,
    field: Array,
    weight: Array,
    kernel: Array,
    *,
    regularisation: float,
    outside: float,
    gradient_penalty: float,
    iterations: int,
    relaxation: float = RELAXATION,
    data_penalty: float = DATA_PENALTY,
    data_step: Callable[[Array, slice], Array] | None = None,
    splits: Splits | None = None,
) -> Array:
    """Return the minimiser on a grid; see :func:`tv` for the parameters.

    `data_step` is the proximal step of another data term than the squares: it takes D*χ + t, for the planes of a slice
    of the first axis, to s. `splits` is where the alternations start, and is left where they end, so that a field that
    differs little from the last one takes few of them.
    """
    rho = gradient_penalty * regularisation
    settings = _Settings(data_penalty, rho, 1 / gradient_penalty, outside)
    kind = _CompiledPasses if grid.backend.name == "numpy" else _ArrayPasses
    passes = kind(grid, field, weight, kernel, settings, data_step)
    goes_on, splits = splits is not None, Splits() if splits is None else splits
    started = splits.data is not None
    known = field * (weight > 0)
    if not started:
        splits.start(known)
    passes.start(passes.reflect(splits.data) if started else known, splits.divergence)
    splits.divergence = None
    for iteration in range(iterations):
        passes.solve()
        last = iteration == iterations - 1
        if last:
            chi = passes.chi()
        if goes_on or not last:
            passes.split(splits, relaxation if iteration or started else 1)
    if goes_on:
        splits.divergence = passes.divergence()
    return chi


class Splits:
    """The split variables of both splittings.

    Each and its dual are one volume: w = z + u of the differences, where z = w − clip(w), and s + t of the field.
    """

    def __init__(self) -> None:
        self.data: Array | None = None
        self.gradient: list[Array] = []
        self.divergence: Array | None = None

    def start(self, field: Array) -> None:
        """Start from s = φ without duals: a step that is not over-relaxed takes ∇χ for z and D*χ for s."""
        self.data, self.gradient, self.divergence = field + 0, [field * 0 for _ in range(3)], field * 0


class _Settings(NamedTuple):
    """Penalties μ and ρ of the splittings, λ/ρ inside the mask and its share outside."""

    mu: float
    rho: float
    limit: float
    outside: float


class _ArrayPasses:
    """What an iteration does between its transforms, in operations of the backend's arrays."""

    def __init__(
        self,
        grid: Grid,
        field: Array,
        weight: Array,
        kernel: Array,
        settings: _Settings,
        data_step: Callable[[Array, slice], Array] | None,
    ) -> None:
        self.grid, self.kernel, self.settings = grid, kernel, settings
        self.data_step = data_step or _squares(field, weight, settings.mu)
        self.damping = settings.mu * kernel * kernel
        self.damping += settings.rho * grid.laplacian()
        self.damping[0, 0, 0] = 1
        self.limits = settings.limit * (settings.outside + (1 - settings.outside) * grid.mask)

    def start(self, data: Array, divergence: Array) -> None:
        """Take s − t and ρ·∇ᵀ(z − u), whose memory is used."""
        self.data, self.gradient = data, divergence

    def solve(self) -> None:
        """Turn both into D*χ and χ."""
        spectrum = self.grid.fft(self.data)
        spectrum *= self.kernel
        spectrum *= self.settings.mu
        spectrum += self.grid.fft(self.gradient)
        spectrum /= self.damping
        spectrum[0, 0, 0] = 0
        self.data = self.grid.ifft(self.kernel * spectrum, overwrite=True)
        self.gradient = self.grid.ifft(spectrum, overwrite=True)

    def chi(self) -> Array:
        """Return χ, to keep."""
        return self.gradient + 0

    def divergence(self) -> Array:
        """Return ρ·∇ᵀ(z − u), after a split."""
        return self.gradient

    def split(self, splits: Splits, relaxation: float) -> None:
        """Bring the split variables up to date, and turn D*χ and χ into s − t and ρ·∇ᵀ(z − u)."""
        self.split_data(self.data, splits.data, relaxation)
        chi, self.gradient = self.gradient, 0 * self.gradient
        self.split_gradient(chi, splits.gradient, self.gradient, relaxation)

    def reflect(self, split: Array) -> Array:
        """Return s − t from s + t."""
        return 2 * self.data_step(split, slice(None)) - split

    def split_data(self, target: Array, split: Array, relaxation: float) -> None:
        """Bring s + t up to date and turn D*χ into s − t."""
        for part in self.grid.slabs():
            here, both = target[part], split[part]
            here -= self.data_step(both, part)
            here *= relaxation
            both += here
            here[...] = self.data_step(both, part)
            here *= 2
            here -= both

    def split_gradient(self, chi: Array, splits: list[Array], divergence: Array, relaxation: float) -> None:
        """Bring z + u up to date and add ρ·∇ᵀ(z − u)."""
        xp = self.grid.backend.xp
        for part in self.grid.slabs():
            for axis, edge in enumerate(self.grid.voxel_size):
                step = forward_difference(chi, axis, part, self.grid.backend)
                split = splits[axis][part]
                limit = self.limits[part] * edge
                step -= split
                step += xp.clip(split, -limit, limit)
                step *= relaxation
                split += step
                step = xp.clip(split, -limit, limit)
                step *= -2
                step += split
                step *= self.settings.rho / edge**2
                add_adjoint_difference(divergence, step, axis, part)


class _CompiledPasses:
    """The same for NumPy, compiled, each in one pass over the memory."""

    def __init__(
        self,
        grid: Grid,
        field: Array,
        weight: Array,
        kernel: Array,
        settings: _Settings,
        data_step: Callable[[Array, slice], Array] | None,
    ) -> None:
        self.grid, self.field, self.weight, self.kernel = grid, field, weight, kernel
        self.settings = _Settings(*(np.float32(value) for value in settings))
        self.edges = np.array(grid.voxel_size, np.float32)
        self.penalties = tuple(term.astype(np.float32).ravel() for term in grid.laplacian_terms())
        # Another data term comes as array operations.
        self.other = None if data_step is None else _ArrayPasses(grid, field, weight, kernel, settings, data_step)

    def start(self, data: Array, divergence: Array) -> None:
        """Take s − t and ρ·∇ᵀ(z − u): the imaginary and the real part of one volume, with one transform."""
        self.both = np.empty(self.grid.shape, np.complex64)
        self.both.real, self.both.imag = divergence, data

    def solve(self) -> None:
        """Turn both into D*χ and χ."""
        spectrum = scipy.fft.fftn(self.both, overwrite_x=True, workers=self.grid.workers)
        divide_spectra(spectrum.view(np.float32), self.kernel, self.penalties, self.settings.mu, self.settings.rho)
        self.both = scipy.fft.ifftn(spectrum, overwrite_x=True, workers=self.grid.workers)

    def chi(self) -> Array:
        """Return χ, to keep."""
        return self.both.real.copy()

    def divergence(self) -> Array:
        """Return ρ·∇ᵀ(z − u), after a split."""
        return self.both.real.copy()

    def reflect(self, split: Array) -> Array:
        """Return s − t from s + t."""
        step = self.other.data_step if self.other else _squares(self.field, self.weight, self.settings.mu)
        return 2 * step(split, slice(None)) - split

    def split(self, splits: Splits, relaxation: float) -> None:
        """Bring the split variables up to date, and turn D*χ and χ into s − t and ρ·∇ᵀ(z − u)."""
        mu, rho, limit, outside = self.settings
        relaxation, parts = np.float32(relaxation), self.both.view(np.float32)
        if self.other is None:
            split_data(parts, splits.data, self.weight, self.field, mu, relaxation)
        else:
            target = self.both.imag.copy()
            self.other.split_data(target, splits.data, relaxation)
            self.both.imag = target
        split_gradient(parts, *splits.gradient, self.grid.mask, self.edges, limit, outside, rho, relaxation)


def _squares(field: Array, weight: Array, mu: float) -> Callable[[Array, slice], Array]:
    """Return the proximal step of ½‖√W·(s − φ)‖²: s = gain·W·φ/μ + gain·(D*χ + t) with gain = μ/(W + μ)."""
    gain = mu / (weight + mu)
    given = gain * weight * field / mu

    def step(split: Array, part: slice) -> Array:
        target = gain[part] * split
        target += given[part]
        return target

    return step
