"""Made-up heads for the tests of the phase chain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.units import radians_per_ppm
from chiomics.qsm.dipole import dipole_field

B0 = np.array([0.1, -0.2, 0.97]) / np.linalg.norm([0.1, -0.2, 0.97])
VOXEL_SIZE = (1.5, 1.25, 2.0)
ECHO_TIMES = (0.006, 0.012, 0.018, 0.024)
FIELD_STRENGTH = 3.0


class Head:
    """An ellipsoid with smooth tissue χ, strong blobs, and a source of background in a corner outside.

    Attributes
    ----------
    mask, chi, local_field, total_field, magnitude, phase
        Brain; χ, local and total field in ppm; signal of the echoes, phase wrapped and with a smooth offset in rad.
    """

    def __init__(self, *, shape: tuple[int, int, int] = (64, 72, 48), snr: float = 200.0, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        axes = [np.linspace(-1, 1, n) for n in shape]
        x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
        self.mask = (x / 0.7) ** 2 + (y / 0.72) ** 2 + (z / 0.68) ** 2 < 1
        texture = ndimage.gaussian_filter(rng.standard_normal(shape), 2.0)
        self.chi = 0.03 * texture / texture.std()
        for centre in ((0.2, 0.1, 0.0), (-0.25, -0.2, 0.1)):
            blob = sum((a - c) ** 2 for a, c in zip((x, y, z), centre, strict=True)) < 0.012
            self.chi = np.where(blob, 0.2, self.chi)
        self.chi = np.where(self.mask, self.chi, 0).astype(np.float32)
        outside = np.zeros(shape)
        outside[(x - 0.1) ** 2 + (y - 0.95) ** 2 + (z + 0.6) ** 2 < 0.04] = 9.0
        geometry = {"voxel_size": VOXEL_SIZE, "b0_direction": B0}
        self.local_field = dipole_field(self.chi, **geometry)
        self.total_field = self.local_field + dipole_field(outside * ~self.mask, **geometry)
        offset = 1.0 + 0.8 * x - 0.5 * y * z + 0.3 * z**2
        echo_times = np.array(ECHO_TIMES).reshape(-1, 1, 1, 1)
        amplitude = (np.where(self.mask, 1.0, 0.02) * np.exp(-20 * echo_times)).astype(np.float32)
        angle = offset + radians_per_ppm(FIELD_STRENGTH, 1.0) * echo_times * self.total_field
        noise = rng.standard_normal(angle.shape) + 1j * rng.standard_normal(angle.shape)
        signal = amplitude * np.exp(1j * angle) + noise / snr
        self.magnitude, self.phase = np.abs(signal).astype(np.float32), np.angle(signal).astype(np.float32)


def nrmse(found: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """RMS difference over the truth's RMS in the mask, both without their means."""
    found, truth = found[mask] - found[mask].mean(), truth[mask] - truth[mask].mean()
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
