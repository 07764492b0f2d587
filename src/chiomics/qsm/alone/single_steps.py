"""The steps of the chain on plain NIfTI, one call each: `chiomics.qsm.cli` gives them to the command line.

They are those of the workflow (`chiomics.qsm.chain`, `chiomics.qsm.inversions`) without BIDS, sessions and echo sets.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar, write_sidecar
from chiomics.core.images import write_image
from chiomics.core.provenance import generated_by
from chiomics.core.space.volume import Volume
from chiomics.core.stage_versions import stage_version
from chiomics.qsm.alone import plain_images as plain
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.echo_files import Echoes, EchoFiles
from chiomics.qsm.fourier import Backend
from chiomics.qsm.inversions.invert import complete_parameters, invert
from chiomics.qsm.masks.find_brain import find_brain
from chiomics.qsm.phase.field_noise import field_noise
from chiomics.qsm.presets import WITHOUT_OFFSET
from chiomics.qsm.r2star import fit_r2star
from chiomics.qsm.reference import csf_mask, find_reference

log = logging.getLogger(__name__)

#: Says that a step begins.
Begin = Callable[[str], None]

#: Weights of `background` have mean 1; in a mask that was cut closer they may differ by this much.
MEAN_TOLERANCE = 0.1

#: The inversion of each preset, and whether it is weighted, as the workflow's.
OF_PRESET = {"default": ("tv", True), "published": ("ilsqr", False)}


def estimate_field(arguments: argparse.Namespace, begin: Begin) -> None:
    """Write the total field, and how far to trust it where that is asked for.

    Raises
    ------
    InputError
        For phase that is not in radians (or on the scale that was named), images on different voxels, and echo times
        that are missing or not those of the images.
    """
    begin("read")
    echoes, geometry = _read_echoes(arguments)
    mask = plain.read_mask_like(arguments.mask, Volume(echoes.magnitude[0], echoes.affine))
    begin("unwrap and fit")
    total, _ = _total_field(echoes, geometry, mask, "default", arguments)
    begin("write")
    info = _physics(echoes, geometry) | total["info"]
    _write(arguments.output, np.where(mask, total["fields"][0], 0), geometry, info | {"Units": "ppm"})
    for path, volume in (
        (arguments.inverse_sd, total["inverse_sd"][0]),
        (arguments.quality, total["quality"]),
        (arguments.reliable_mask, total["mask"]),
    ):
        if path is not None:
            write_image(path, volume, geometry.affine)


def remove_background(arguments: argparse.Namespace, begin: Begin) -> None:
    """Write the local field, the mask that it is valid in, and the weights of the data where they are asked for.

    Raises
    ------
    InputError
        For a field that is not in ppm, and images on different voxels.
    """
    begin("read")
    image, mask = plain.read_with_mask(arguments.field, arguments.mask, "total field")
    plain.check_ppm(image.voxels, mask, what="total field", file=arguments.field)
    geometry = plain.find_geometry(arguments.field, image.affine, _acquisition(arguments))
    quality = mask.astype(np.float32)
    if arguments.quality is not None:
        quality = plain.read_like(arguments.quality, image, mask, "quality")
        if quality[mask].min() < 0 or quality[mask].max() > 1:
            raise InputError("the quality is not a share", file=arguments.quality, expected="values from 0 to 1")
    inverse_sd = mask.astype(np.float32)
    if arguments.inverse_sd is not None:
        inverse_sd = plain.read_like(arguments.inverse_sd, image, mask, "inverse SD")
    before = plain.sidecar_path(arguments.field)
    info = read_sidecar(before) if before.is_file() else {}
    parameters = dict(info.get("PhaseChainParameters", {}))  # of `field`, where it wrote the total field
    if arguments.method is not None:
        parameters["background"] = arguments.method
    begin("remove the background")
    local = remove_background_fields(
        image.voxels[None], mask, names=["all"], inverse_sd=inverse_sd[None], quality=quality, echo_times=[0.0, 0.0],
        voxel_size=geometry.voxel_size, b0_direction=geometry.b0_direction, echo_sets={"all": [1, 2]},
        overrides=parameters, workers=arguments.threads, backend=arguments.backend,
    )  # fmt: skip
    begin("write")
    _write(arguments.output, _inside(local, 0), geometry, info | local["info"] | {"Units": "ppm"})
    if arguments.output_mask is not None:
        write_image(arguments.output_mask, local["mask"], geometry.affine)
    if arguments.weights is not None:
        write_image(arguments.weights, local["weights"][0], geometry.affine)


def invert_field(arguments: argparse.Namespace, begin: Begin) -> None:
    """Write the susceptibility map of a local field.

    Raises
    ------
    InputError
        For a field that is not in ppm, images on different voxels, and a reference that lacks what it needs.
    """
    begin("read")
    image, mask = plain.read_with_mask(arguments.field, arguments.mask, "local field")
    plain.check_ppm(image.voxels, mask, what="local field", file=arguments.field)
    acquisition = _acquisition(arguments)
    geometry = plain.find_geometry(arguments.field, image.affine, acquisition)
    weight, magnitude, fluid = None, None, None
    if arguments.weights is not None:
        weight = plain.read_like(arguments.weights, image, mask, "weights")
        if weight[mask].min() < 0 or not weight[mask].any():
            raise InputError("the weights hold no weights", file=arguments.weights, expected="values from 0 up")
        mean = float(weight[mask].mean(dtype=np.float64))
        if abs(mean - 1) > MEAN_TOLERANCE:  # else the regularisation would follow the weights' unit
            log.warning("weights of mean %.4g in the mask are divided by it: only their ratios count", mean)
            weight = weight / np.float32(mean)
    if arguments.magnitude is not None:
        echoes = [Volume.read(path) for path in arguments.magnitude]
        for path, echo in zip(arguments.magnitude, echoes, strict=True):
            plain.check_same_grid(image, echo, file=path, what="magnitude and field")
        squares = [np.square(echo.voxels).reshape(*mask.shape, -1).mean(axis=-1) for echo in echoes]
        magnitude = np.sqrt(np.mean(squares, axis=0))
    if arguments.inversion == "medi" and magnitude is None:
        raise InputError("medi needs the magnitude, whose edges it takes", expected="--magnitude FILE")
    if arguments.reference == "csf":
        if arguments.r2star is None or acquisition.field_strength is None:
            raise InputError(
                "the fluid is found by R2* at a known field strength", expected="--r2star FILE and --field-strength T"
            )
        decay = plain.read_like(arguments.r2star, image, mask, "R2*")
        fluid = csf_mask(decay, mask, voxel_size=geometry.voxel_size, field_strength=acquisition.field_strength)
    begin(f"invert ({arguments.inversion})")
    before = plain.sidecar_path(arguments.field)
    info = read_sidecar(before) if before.is_file() else {}
    _invert(arguments, image.voxels, mask, weight, magnitude, fluid, geometry, info, begin, arguments.inversion)


def run_chain(arguments: argparse.Namespace, begin: Begin) -> None:
    """Write the susceptibility map of a multi-echo gradient echo, and what lies between where that is asked for.

    Raises
    ------
    InputError
        As the single steps.
    """
    begin("read")
    echoes, geometry = _read_echoes(arguments)
    begin("mask")
    if arguments.mask is None:
        found = find_brain(echoes.magnitude, echoes.affine)
        mask = found.mask
        log.info("brain mask from %s", found.source)
        for doubt in found.doubts:
            log.warning("brain mask: %s", doubt)
    else:
        mask = plain.read_mask_like(arguments.mask, Volume(echoes.magnitude[0], echoes.affine))
    begin("unwrap and fit")
    preset = arguments.preset
    total, sets = _total_field(echoes, geometry, mask, preset, arguments)
    begin("remove the background")
    local = remove_background_fields(
        total["fields"], total["mask"], names=total["names"], inverse_sd=total["inverse_sd"], quality=total["quality"],
        echo_times=echoes.echo_times, voxel_size=geometry.voxel_size, b0_direction=geometry.b0_direction,
        echo_sets=sets, preset_name=preset, overrides=_own_choices(arguments, preset), workers=arguments.threads,
        backend=arguments.backend,
    )  # fmt: skip
    inversion, weighted = OF_PRESET[preset]
    inversion = arguments.inversion or inversion
    inside = local["mask"]
    fluid = None
    if len(echoes.echo_times) >= 3:
        decay = fit_r2star(echoes.magnitude, mask, echo_times=echoes.echo_times)
        fluid = csf_mask(decay, inside, voxel_size=geometry.voxel_size, field_strength=echoes.field_strength)
    begin(f"invert ({inversion})")
    info = _physics(echoes, geometry) | total["info"] | local["info"]
    field = _inside(local, 0)
    if preset == "default" and arguments.total_field is not None:
        _write(arguments.total_field, np.where(mask, total["fields"][0], 0), geometry, info | {"Units": "ppm"})
    if arguments.local_field is not None:
        _write(arguments.local_field, field, geometry, info | {"Units": "ppm"})
    if arguments.output_mask is not None:
        write_image(arguments.output_mask, inside, geometry.affine)
    weight = local["weights"][0] if weighted else None
    magnitude = np.sqrt(np.mean(np.square(echoes.magnitude), axis=0))
    _invert(arguments, field, inside, weight, magnitude, fluid, geometry, info, begin, inversion)


def check_inversion(arguments: argparse.Namespace) -> None:
    """Stop where a parameter of the inversion or the library cannot be used, before the work that leads to it.

    Raises
    ------
    SettingError
        With the parameter or the library.
    """
    Backend(arguments.backend)
    name = arguments.inversion or OF_PRESET[arguments.preset][0]
    complete_parameters(name, dict(arguments.set or []))


def _invert(
    arguments: argparse.Namespace,
    field: np.ndarray,
    mask: np.ndarray,
    weight: np.ndarray | None,
    magnitude: np.ndarray | None,
    fluid: np.ndarray | None,
    geometry: plain.Geometry,
    info: dict,
    begin: Begin,
    name: str,
) -> None:
    """Invert, refer and write with the sidecar."""
    parameters, noise = dict(arguments.set or []), field_noise(field, mask)
    chi = invert(
        name, field, mask, parameters=parameters, voxel_size=geometry.voxel_size, b0_direction=geometry.b0_direction,
        weight=weight, noise=noise, magnitude=magnitude, csf_mask=fluid, workers=arguments.threads,
        backend=arguments.backend,
    )  # fmt: skip
    reference = find_reference(chi, mask, voxel_size=geometry.voxel_size, method=arguments.reference, region=fluid)
    chi[mask] -= np.float32(reference.value)
    begin("write")
    made = {"Inversion": name, "InversionParameters": complete_parameters(name, parameters)}
    made |= {"DataWeights": weight is not None, "FieldNoise": noise, "MapVoxels": int(mask.sum()), "Units": "ppm"}
    _write(arguments.output, chi, geometry, info | made | reference.sidecar())


def _read_echoes(arguments: argparse.Namespace) -> tuple[Echoes, plain.Geometry]:
    """Read magnitude and phase with what the command line says of them."""
    acquisition = _acquisition(arguments)
    for what, value, option in (
        ("echo times", acquisition.echo_times, "--te SECONDS ..."),
        ("field strength", acquisition.field_strength, "--field-strength TESLA"),
    ):
        if value is None:
            raise InputError(f"the {what} must be given", expected=f"{option}, or --params FILE")
    plain.check_echo_numbers(
        arguments.magnitude, arguments.phase, acquisition.echo_times, difference=arguments.phase_difference
    )
    files = EchoFiles(
        "phase_difference" if arguments.phase_difference else "magnitude_phase",
        acquisition.echo_times, acquisition.field_strength,
        magnitude=[str(path) for path in arguments.magnitude], phase=[str(path) for path in arguments.phase],
        phase_scale=arguments.phase_scale, phase_sign=arguments.phase_sign,
    )  # fmt: skip
    echoes = files.read()
    return echoes, plain.find_geometry(arguments.phase[0], echoes.affine, acquisition)


def _total_field(
    echoes: Echoes, geometry: plain.Geometry, mask: np.ndarray, preset: str, arguments: argparse.Namespace
) -> tuple[dict, dict]:
    """Estimate the total field of all echoes; also returns the one echo set."""
    sets = {"all": list(range(1, len(echoes.echo_times) + 1))}
    return estimate_total_fields(
        echoes.magnitude, echoes.phase, mask, echo_times=echoes.echo_times, field_strength=echoes.field_strength,
        voxel_size=geometry.voxel_size, echo_sets=sets, preset_name=preset, overrides=_own_choices(arguments, preset),
        b0_direction=geometry.b0_direction, workers=arguments.threads,
    ), sets  # fmt: skip


def _own_choices(arguments: argparse.Namespace, preset: str) -> dict:
    """Return what the kind of input changes in the preset."""
    return WITHOUT_OFFSET.get(preset, {}) if arguments.phase_difference else {}


def _acquisition(arguments: argparse.Namespace) -> plain.Acquisition:
    given = plain.Acquisition(arguments.te, arguments.field_strength, arguments.b0_direction)
    return plain.read_parameters(arguments.params, given)


def _physics(echoes: Echoes, geometry: plain.Geometry) -> dict:
    return echoes.info | {
        "EchoTimes": list(echoes.echo_times),
        "MagneticFieldStrength": echoes.field_strength,
        "B0Direction": geometry.b0_direction.tolist(),
    }


def _inside(local: dict, number: int) -> np.ndarray:
    return np.where(local["mask"], local["local_fields"][number], np.float32(0))


def _write(path: Path, voxels: np.ndarray, geometry: plain.Geometry, info: dict) -> None:
    """Write an image with its sidecar."""
    write_image(path, voxels, geometry.affine)
    made_by = {"GeneratedBy": generated_by(), "StageVersion": stage_version("qsm")}
    write_sidecar(plain.sidecar_path(path), info | made_by)
