"""The gradient-echo images of one run: read together, checked against one another, and brought to radians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.images import b0_direction, scanner_affine, voxel_size
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume
from chiomics.qsm.echo_inputs import field_map_as_echo, phase_difference_as_echo
from chiomics.qsm.input_checks import (
    check_magnitude,
    check_mirrored,
    check_phase_echoes,
    check_planes,
    doubt_parts,
    mend_slices,
)
from chiomics.qsm.phase.phase_scale import magnitude_and_phase, phase_to_radians


@dataclass
class Echoes:
    """Magnitude and phase of one run with their physics.

    Attributes
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude in any unit, wrapped phase in rad that rises with the field.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    echo_times : list of float
        In s.
    field_strength : float
        In T.
    info : dict
        How the phase was read, for the sidecar.
    scanner : ndarray, shape (4, 4), optional
        Voxel to scanner coordinates where `affine` leads elsewhere.
    """

    magnitude: np.ndarray
    phase: np.ndarray
    affine: np.ndarray
    echo_times: list[float]
    field_strength: float
    info: dict
    scanner: np.ndarray | None = None

    @property
    def voxel_size(self) -> np.ndarray:
        """Voxel size in mm."""
        return voxel_size(self.affine)

    @property
    def b0_direction(self) -> np.ndarray:
        """Direction of B0 in voxel axes."""
        return b0_direction(self.affine if self.scanner is None else self.scanner)


@dataclass(frozen=True)
class EchoFiles:
    """Where the images of one run are, and what its sidecars say.

    Attributes
    ----------
    kind : {"magnitude_phase", "real_imaginary", "phase_difference", "field_map"}
        What the images are; a field map is in Hz.
    echo_times : sequence of float
        In s; two for a phase difference, none for a field map.
    field_strength : float
        In T.
    magnitude, phase, real, imaginary : sequence of str
        Paths in echo order, or one 4-D image of all echoes; those that `kind` does not use are empty.
    phase_scale : str
        Rule that maps stored values to radians, see `phase_to_radians`.
    phase_sign : {1, -1}
        -1 where the scanner's phase falls with a positive field shift.
    """

    kind: str
    echo_times: Sequence[float]
    field_strength: float
    magnitude: Sequence[str] = ()
    phase: Sequence[str] = ()
    real: Sequence[str] = ()
    imaginary: Sequence[str] = ()
    phase_scale: str = "auto"
    phase_sign: int = 1

    @property
    def paths(self) -> list[str]:
        """Every image of the run."""
        return [*self.magnitude, *self.phase, *self.real, *self.imaginary]

    def read_magnitude(self) -> tuple[np.ndarray, np.ndarray]:
        """Read the magnitude of every echo, and the affine.

        Returns
        -------
        magnitude : ndarray, shape (e, x, y, z)
            Any unit.
        affine : ndarray, shape (4, 4)
            Voxel to world coordinates in mm.
        """
        if self.kind == "real_imaginary":
            real, imaginary, affine = self._read_parts()
            magnitude = np.hypot(real, imaginary)
        else:
            magnitude, affine = _read_together(self.magnitude)
        files = self.magnitude or self.real
        check_planes(magnitude, "magnitude", files)
        check_magnitude(magnitude, files)
        return magnitude, affine

    def read(self) -> Echoes:
        """Read all images, check them, and undo what is certain to be wrong.

        Returns
        -------
        Echoes
            A phase difference comes as one echo at the spacing of the two, a field map as one without wraps.

        Raises
        ------
        InputError
            For what cannot be read, has NaN, differs in shape, whose phase scale is not recognised, or whose voxels
            contradict what the images are said to be.
        """
        times = list(self.echo_times)
        try:
            magnitude, affine = self.read_magnitude()
            if self.kind == "real_imaginary":
                real, imaginary, _ = self._read_parts()
                magnitude, phase = magnitude_and_phase(real, imaginary)
                check_phase_echoes(magnitude, phase, self.real)
                info = {"PhaseRule": "real and imaginary", "PhaseSign": self.phase_sign}
                info["PartsWarning"] = doubt_parts(magnitude, phase)
                phase *= np.float32(self.phase_sign)
            elif self.kind == "field_map":
                field = _read_beside(magnitude, affine, self.phase, "magnitude and field map")
                check_planes(field, "field map", self.phase)
                phase, times = field_map_as_echo(self.phase_sign * field)
                magnitude, info = magnitude[:1], {"FieldMapUnits": "Hz", "PhaseSign": self.phase_sign}
            else:
                stored = _read_beside(magnitude, affine, self.phase, "magnitude and phase")
                check_planes(stored, "phase", self.phase)
                check_phase_echoes(magnitude, stored, self.phase)
                phase, info = phase_to_radians(stored, rule=self.phase_scale, phase_sign=self.phase_sign)
                check_mirrored(magnitude[0], phase[0], self.phase)
            if self.kind == "phase_difference":
                magnitude, phase, times = phase_difference_as_echo(magnitude, phase[0], echo_times=times)
            mended: list[str] = []
            if self.kind != "field_map":  # which no receiver's phase enters
                phase, mended = mend_slices(magnitude, phase, echo_times=times)
        except InputError as error:
            if error.file is not None:
                raise
            raise InputError(
                error.problem,
                file=", ".join(map(str, self.phase or self.paths)),
                found=error.found,
                expected=error.expected,
            ) from error
        info = {"InputKind": self.kind, **info, "InputMended": mended}
        scanner = scanner_affine(self.paths[0])
        return Echoes(magnitude, phase, affine, times, self.field_strength, info, scanner)

    def _read_parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        real, affine = _read_together(self.real)
        return real, _read_beside(real, affine, self.imaginary, "real and imaginary part"), affine


def _read_beside(first: np.ndarray, affine: np.ndarray, paths: Sequence[str], what: str) -> np.ndarray:
    """Stack images that lie on the voxels of others."""
    stack, own = _read_together(paths)
    check_same_grid(Volume(first[0], affine), Volume(stack[0], own), file=paths[0], what=what)
    return stack


def _read_together(paths: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Stack images that have one shape and one affine."""
    first = Volume.read(paths[0])
    if first.voxels.ndim == 4:
        if len(paths) > 1:
            raise InputError("one of several images is 4-D", file=paths[0], found=f"shape {first.shape}")
        return np.ascontiguousarray(np.moveaxis(first.voxels, -1, 0)), first.affine
    stack = np.empty((len(paths), *first.shape), np.float32)
    stack[0] = first.voxels
    for number, path in enumerate(paths[1:], start=1):
        image = Volume.read(path)
        check_same_grid(first, image, file=path, what="the echoes of a run")
        stack[number] = image.voxels
    return stack, first.affine
