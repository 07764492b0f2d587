"""Multi-echo gradient-echo signal: magnitude and wrapped phase from field, R2*, proton density and T1.

S(TE) = ρ · sin α (1 − E1) / (1 − cos α E1) · exp(−R2* TE) · exp(i s (φ0 + 2π γ B0 f TE)), E1 = exp(−TR/T1): the spoiled
gradient echo (Haacke et al. 1999, Magnetic Resonance Imaging, ch. 18) with the mono-exponential decay and linear phase
of QSM's own model (QSM consensus 2024, Magn Reson Med 91:1834). Signals are made on a finer grid and cut in k-space.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chiomics.core.units import radians_per_ppm
from chiomics.phantom.scanner.kspace import FinerGrid

#: How scanners store phase: value of −π, value of +π, stored type, BIDS `Units`.
PHASE_FLAVOURS = {
    "radians": (-np.pi, np.pi, np.float32, "rad"),
    "siemens": (0, 4096, np.int16, "arbitrary"),  # 12-bit integers, 0 is −π and 4096 would be +π
    "milliradians": (-1000 * np.pi, 1000 * np.pi, np.int16, "arbitrary"),  # as GE stores it
}


def steady_state(
    proton_density: np.ndarray, t1: np.ndarray, *, repetition_time: float, flip_angle: float
) -> np.ndarray:
    """Return the spoiled gradient echo's transverse magnetisation just after excitation.

    Parameters
    ----------
    proton_density : ndarray
        Relative to water.
    t1 : ndarray
        Longitudinal relaxation time in s; 0 where there is no signal.
    repetition_time : float
        TR in s.
    flip_angle : float
        In degrees.

    Returns
    -------
    ndarray
        Signal relative to that of fully relaxed water.
    """
    alpha = np.deg2rad(flip_angle)
    e1 = np.exp(-repetition_time / np.maximum(t1, 1e-3))
    return (proton_density * np.sin(alpha) * (1 - e1) / (1 - np.cos(alpha) * e1)).astype(np.float32)


def echo_signals(
    field: np.ndarray,
    transverse: np.ndarray,
    r2star: np.ndarray,
    *,
    echo_times: list[float],
    field_strength: float,
    phase_offset: np.ndarray | float = 0.0,
    readout_phase: np.ndarray | None = None,
    phase_sign: int = 1,
    grid: FinerGrid | None = None,
    workers: int = 1,
) -> Iterator[np.ndarray]:
    """Yield the complex signal of each echo, without noise.

    Parameters
    ----------
    field : ndarray, shape (X, Y, Z)
        Total field in ppm of B0, on the finer grid where `grid` is given.
    transverse : ndarray, shape (X, Y, Z)
        Magnetisation after excitation (`steady_state`), including receive sensitivity where wanted.
    r2star : ndarray, shape (X, Y, Z)
        R2* in 1/s.
    echo_times : list of float
        In s.
    field_strength : float
        In T.
    phase_offset : ndarray or float
        Receive phase at TE = 0 in rad.
    readout_phase : ndarray, shape (X, Y, Z), optional
        Phase in rad that a bipolar readout adds to the first, third, ... echo and subtracts from the others.
    phase_sign : int
        1 where phase grows with the field, -1 for the opposite convention.
    grid : FinerGrid, optional
        Grid of the maps; each echo is cut in k-space to its acquisition grid. Without it the maps' own grid is kept.
    workers : int
        Threads of the FFT.

    Yields
    ------
    ndarray of complex64
        One echo, on the acquisition grid.
    """
    for number, echo_time in enumerate(echo_times):
        phase = np.float32(phase_sign * radians_per_ppm(field_strength, echo_time)) * field
        phase += np.asarray(phase_sign * phase_offset, np.float32)
        if readout_phase is not None:
            phase += np.float32(phase_sign * (-1) ** number) * readout_phase
        magnitude = transverse * np.exp(np.float32(-echo_time) * r2star)
        echo = np.empty(field.shape, np.complex64)
        np.multiply(magnitude, np.cos(phase), out=echo.real)
        np.multiply(magnitude, np.sin(phase), out=echo.imag)
        yield echo if grid is None else grid.to_acquisition(echo, workers=workers)


def add_noise(echo: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add complex Gaussian noise.

    Parameters
    ----------
    echo : ndarray of complex64
        Complex signal.
    sigma : float
        Standard deviation of the real and of the imaginary part; SNR = signal / sigma.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of complex64
        Noisy signal.
    """
    noise = rng.standard_normal((2, *echo.shape), dtype=np.float32)
    return echo + np.float32(sigma) * (noise[0] + 1j * noise[1])


def wrapped_phase(echo: np.ndarray, *, flavour: str = "radians") -> np.ndarray:
    """Take the phase of a complex signal as a scanner stores it.

    Parameters
    ----------
    echo : ndarray of complex64
        Complex signal.
    flavour : {"radians", "siemens", "milliradians"}
        Scaling (`PHASE_FLAVOURS`).

    Returns
    -------
    ndarray
        float32 in rad, or int16 in the vendor's units.
    """
    low, high, kind, _ = PHASE_FLAVOURS[flavour]
    phase = np.angle(echo)
    if kind is np.float32:
        return phase.astype(np.float32)
    scaled = np.rint(low + (phase + np.pi) / (2 * np.pi) * (high - low))
    return np.minimum(scaled, high - 1 if low == 0 else np.floor(high)).astype(kind)
