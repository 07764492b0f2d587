"""The steps from images on disk to susceptibility maps on disk, as the workflow's jobs take them.

Each step reads what the one before wrote, so that a chain can be stopped, continued and looked into. What travels
between steps are NIfTI images and one JSON sidecar that grows along the way and ends up beside every χ map.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chiomics.core.files import read_sidecar, write_sidecar, write_text
from chiomics.core.images import read_image, voxel_size, write_image
from chiomics.core.provenance import generated_by, path_in_dataset, source_uris
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.masks import EmptyMaskError, read_mask
from chiomics.core.space.orientation import in_order_of
from chiomics.core.space.volume import Volume
from chiomics.core.stage_versions import stage_version
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.inversions.invert import complete_parameters, invert
from chiomics.qsm.masks.find_brain import VOLUMES, check_given_mask, find_brain
from chiomics.qsm.phase.field_noise import field_noise
from chiomics.qsm.phase.phase_sign import WRONG_BELOW, check_phase_sign
from chiomics.qsm.presets import WITHOUT_OFFSET
from chiomics.qsm.qc_figure import write_qc_figure
from chiomics.qsm.quality_map import NAMES
from chiomics.qsm.r2star import fit_r2star
from chiomics.qsm.reference import csf_mask, csf_r2star, find_reference

log = logging.getLogger(__name__)


def mask_brain(
    files: EchoFiles,
    *,
    given_mask: str | None,
    method: str,
    mask: str,
    sidecar: str,
    volumes: tuple[float, float] = VOLUMES,
    picture: str | None = None,
    simulated: bool = False,
) -> None:
    """Write the brain mask: the user's, or one found on the magnitude.

    Parameters
    ----------
    files : EchoFiles
        The run's images.
    given_mask : str, optional
        The user's mask on the same grid; probabilities are cut at one half.
    method : {"template", "intensity"}
        Whether a mask found by intensity is mended by a template.
    mask, sidecar : str
        Paths to write.
    volumes : tuple of float
        Minimum and maximum litres of a brain that is found.
    picture : str, optional
        PNG to write where what was found is refused.
    simulated : bool
        Whether that picture says that the subject is simulated.

    Raises
    ------
    InputError
        For a given mask on another grid or one that cannot be a brain's, and where no brain is found. A mask without
        voxels, in which nothing was drawn, is passed over with a warning.
    """
    magnitude, affine = files.read_magnitude()
    notes, drawn = {}, None
    if given_mask is not None:
        try:
            drawn = read_mask(given_mask, role="brain")
        except EmptyMaskError:
            notes["BrainMaskRefused"] = f"{path_in_dataset(given_mask)} is empty; the brain is found on the magnitude"
            log.warning("the brain mask %s", notes["BrainMaskRefused"])
    if drawn is None:
        found = find_brain(magnitude, affine, method=method, volumes=volumes, picture=picture, simulated=simulated)
        brain, source = found.mask, found.source
        notes |= {"BrainMaskWarning": "; ".join(found.doubts)} if found.doubts else {}
        for doubt in found.doubts:
            log.warning("brain mask from %s: %s", source, doubt)
    else:
        source = path_in_dataset(given_mask)
        placed = in_order_of(drawn.volume, affine)
        check_same_grid(Volume(magnitude[0], affine), placed, file=given_mask, what="brain mask and echoes")
        brain, notes = placed.voxels, {key: value for key, value in drawn.notes.items() if key != "File"}
        check_given_mask(brain, magnitude, affine, file=given_mask)
    if picture is not None:
        Path(picture).unlink(missing_ok=True)  # of an earlier run that ended here
    log.info("brain mask from %s: %d voxels, %.1f %% of the image", source, brain.sum(), 100 * brain.mean())
    write_image(mask, brain, affine)
    said = {"BrainMaskSource": source, "BrainMaskMethod": method, "BrainVoxels": int(brain.sum()), **notes}
    said["Sources"] = source_uris([*(files.magnitude or files.real + files.imaginary), given_mask])
    write_sidecar(sidecar, {"Description": "Brain on the gradient echo", "Type": "Brain"} | said | _made_by())


def unwrap_phase(
    files: EchoFiles,
    *,
    mask: str,
    echo_sets: Mapping[str, Sequence[int]],
    settings: Mapping,
    total_fields: str,
    inverse_sd: str,
    quality: str,
    reliable_mask: str,
    r2star: str | None,
    sidecar: str,
    r2star_sidecar: str | None = None,
    workers: int = 1,
) -> None:
    """Write the total fields, how far to trust them, and the R2* map.

    Parameters
    ----------
    files : EchoFiles
        The run's images.
    mask : str
        Brain mask.
    echo_sets : mapping of str to sequence of int
        Echo numbers, from 1, of every set.
    settings : mapping
        ``preset``, ``phase`` (its overrides) and ``bipolar``.
    total_fields, inverse_sd, quality, reliable_mask : str
        Images to write, see `estimate_total_fields`.
    r2star, r2star_sidecar : str, optional
        R2* map in 1/s to write, and its JSON; needs three echoes.
    sidecar : str
        JSON to write.
    workers : int
        Threads.
    """
    echoes = files.read()
    brain = read_image(mask)[0] > 0
    own = WITHOUT_OFFSET.get(settings["preset"], {}) if files.kind in ("phase_difference", "field_map") else {}
    total = estimate_total_fields(
        echoes.magnitude, echoes.phase, brain,
        echo_times=echoes.echo_times, field_strength=echoes.field_strength, voxel_size=echoes.voxel_size,
        echo_sets=echo_sets, preset_name=settings["preset"], overrides=own | dict(settings["phase"]),
        bipolar=settings["bipolar"], b0_direction=echoes.b0_direction, workers=workers,
    )  # fmt: skip
    for path, volumes in ((total_fields, total["fields"]), (inverse_sd, total["inverse_sd"])):
        write_image(path, np.moveaxis(volumes, 0, -1), echoes.affine)
    write_image(quality, total["quality"], echoes.affine)
    write_image(reliable_mask, total["mask"], echoes.affine)
    if r2star is not None:
        write_image(r2star, fit_r2star(echoes.magnitude, brain, echo_times=echoes.echo_times), echoes.affine)
    if r2star_sidecar is not None:
        said = {"Description": "Rate of decay of the magnitude over the echoes, inside the brain mask", "Units": "1/s"}
        said |= {
            "SkullStripped": True,
            "EchoTimes": list(echoes.echo_times),
            "Sources": source_uris([*files.paths, mask]),
        }
        write_sidecar(r2star_sidecar, said | _made_by())
    physics = {"MagneticFieldStrength": echoes.field_strength, "B0Direction": echoes.b0_direction}
    sources = {"Sources": source_uris([*files.paths, mask])}
    write_sidecar(sidecar, echoes.info | physics | total["info"] | {"TotalFields": total["names"]} | sources)


def remove_background(
    *,
    total_fields: str,
    inverse_sd: str,
    quality: str,
    reliable_mask: str,
    total_sidecar: str,
    echo_sets: Mapping[str, Sequence[int]],
    settings: Mapping,
    local_fields: Mapping[str, str],
    sidecars: Mapping[str, str],
    weights: Mapping[str, str],
    weight_sidecars: Mapping[str, str],
    mask: str,
    mask_sidecar: str,
    quality_map: str | None = None,
    quality_sidecar: str | None = None,
    quality_table: str | None = None,
    workers: int = 1,
) -> None:
    """Write the local field of every echo set, their common mask, the weights of the data, and which can be relied on.

    Neither field nor mask hangs on which other sets there are, as long as `echo_sets` begins with that of all echoes.

    Parameters
    ----------
    total_fields, inverse_sd, quality, reliable_mask, total_sidecar : str
        From `unwrap_phase`.
    echo_sets, settings
        As for `unwrap_phase`.
    local_fields, sidecars : mapping of str to str
        Image and JSON to write for each echo set.
    weights, weight_sidecars : mapping of str to str
        The same of the weights.
    mask, mask_sidecar : str
        Image and JSON to write.
    quality_map, quality_sidecar, quality_table : str, optional
        Label image of which voxels have a reliable field, its JSON, and the table of its labels.
    workers : int
        Threads.
    """
    fields, affine = read_image(total_fields)
    info = read_sidecar(total_sidecar)
    names = info.pop("TotalFields")
    local = remove_background_fields(
        _volumes_first(fields), read_image(reliable_mask)[0] > 0,
        names=names, inverse_sd=_volumes_first(read_image(inverse_sd)[0]),
        quality=read_image(quality)[0], echo_times=info["EchoTimes"], voxel_size=voxel_size(affine),
        b0_direction=info["B0Direction"], echo_sets=echo_sets, preset_name=settings["preset"],
        overrides=info["PhaseChainParameters"], workers=workers, backend=settings["backend"],
    )  # fmt: skip
    for name, field, weight in zip(local["names"], local["local_fields"], local["weights"], strict=True):
        of_set = {"EchoSet": name, "Echoes": list(echo_sets[name])}
        write_image(local_fields[name], field, affine)
        write_sidecar(
            sidecars[name], of_set | {"Units": "ppm", "SkullStripped": True} | _made_by() | info | local["info"]
        )
        write_image(weights[name], weight, affine)
        said = {"Description": "Weight of the data in the dipole inversion, mean 1 in the mask", "Units": "1"}
        write_sidecar(weight_sidecars[name], of_set | said | {"Sources": info.get("Sources", [])} | _made_by())
    write_image(mask, local["mask"], affine)
    said = {
        "Description": "Voxels in which the local fields and the maps of all echo sets hold values",
        "Type": "Brain",
    }
    said |= {"MaskVoxels": int(local["mask"].sum()), "Sources": info.get("Sources", [])}
    write_sidecar(mask_sidecar, said | _made_by())
    if quality_map and quality_sidecar and quality_table:
        write_image(quality_map, local["quality"], affine)
        said = {"Description": "Which voxels have a reliable field, and why the others have not"}
        said |= {key: local["info"][key] for key in ("UnreliableShare", "QualityWarning")}
        write_sidecar(quality_sidecar, said | {"Sources": info.get("Sources", [])} | _made_by())
        lines = ["index\tname", *(f"{index}\t{name}" for index, name in NAMES.items())]
        write_text(quality_table, "\n".join(lines) + "\n")
    share = local["mask"].sum() / max(info["BrainVoxels"], 1)
    log.info("the maps cover %.1f %% of the brain mask", 100 * share)


def invert_dipole(
    files: EchoFiles,
    *,
    local_fields: Mapping[str, str],
    sidecars: Mapping[str, str],
    weights: Mapping[str, str],
    mask: str,
    brain_sidecar: str,
    r2star: str | None,
    settings: Mapping,
    maps: Mapping[tuple[str, str], str],
    map_sidecars: Mapping[tuple[str, str], str],
    reference_mask: str | None = None,
    reference_sidecar: str | None = None,
    workers: int = 1,
) -> None:
    """Write a referenced χ map for every echo set and inversion.

    Parameters
    ----------
    files : EchoFiles
        The run's images; the magnitude gives MEDI its edges.
    local_fields, sidecars, weights, mask
        From `remove_background`.
    brain_sidecar : str
        From `mask_brain`.
    r2star : str, optional
        R2* map in 1/s; without it there is no CSF reference.
    settings : mapping
        ``inversions`` (names), ``parameters`` (by inversion), ``data_weights``, ``reference``, ``backend``.
    maps, map_sidecars : mapping of (inversion, echo set) to str
        Image and JSON to write.
    reference_mask, reference_sidecar : str, optional
        Image of the first map's reference region and JSON to write.
    workers : int
        Threads.
    """
    inside, affine = read_image(mask)
    inside, size = inside > 0, voxel_size(affine)
    fluid, strength = None, float(files.field_strength)
    if r2star is not None:
        fluid = csf_mask(read_image(r2star)[0], inside, voxel_size=size, field_strength=strength)
    brain_info = {
        key: value
        for key, value in read_sidecar(brain_sidecar).items()
        if key not in ("Description", "Type", "Sources", "GeneratedBy")
    }
    echoes = files.read_magnitude()[0]
    magnitude = np.sqrt(np.mean(np.square(echoes), axis=0))
    for echo_set, field_path in local_fields.items():
        field, field_info = read_image(field_path)[0], read_sidecar(sidecars[echo_set])
        weight = read_image(weights[echo_set])[0] if settings["data_weights"] else None
        noise = field_noise(field, inside)
        own = [field_path, weights[echo_set] if settings["data_weights"] else None, mask, r2star]
        sources = source_uris(files.paths) + field_info.get("Sources", []) + source_uris(own)
        for inversion in settings["inversions"]:
            parameters = settings["parameters"].get(inversion, {})
            log.info("echo set %s, inversion %s", echo_set, inversion)
            chi = invert(
                inversion, field, inside, parameters=parameters,
                voxel_size=size, b0_direction=field_info["B0Direction"],
                weight=weight, noise=noise, magnitude=magnitude, csf_mask=fluid, workers=workers,
                backend=settings["backend"],
            )  # fmt: skip
            reference = find_reference(chi, inside, voxel_size=size, method=settings["reference"], region=fluid)
            contrast, warning = check_phase_sign(chi, echoes[-1], inside, voxel_size=size)
            if warning is not None:
                log.warning("%s, %s: %s", echo_set, inversion, warning)
            chi[inside] -= np.float32(reference.value)
            write_image(maps[inversion, echo_set], chi, affine)
            write_sidecar(
                map_sidecars[inversion, echo_set],
                field_info
                | brain_info
                | {"Inversion": inversion, "InversionParameters": complete_parameters(inversion, parameters)}
                | {"DataWeights": settings["data_weights"], "FieldNoise": noise, "MapVoxels": int(inside.sum())}
                | {"PhaseSignContrast": contrast, "PhaseSignWarning": warning}
                | ({"ReferenceMaxR2star": csf_r2star(strength)} if reference.method == "csf" else {})
                | reference.sidecar()
                | {"Backend": settings["backend"], "Sources": [*dict.fromkeys(sources)], "GeneratedBy": generated_by()},
            )
            if (inversion, echo_set) == next(iter(maps)) and reference_mask and reference_sidecar:
                write_image(reference_mask, reference.mask, affine)
                said = {"Description": "Voxels whose mean is 0 ppm in the first map", "Type": "ROI"}
                said["Sources"] = source_uris([maps[inversion, echo_set]])
                write_sidecar(reference_sidecar, said | reference.sidecar() | _made_by())


def draw_maps(
    files: EchoFiles,
    *,
    local_field: str,
    chi: str,
    sidecar: str,
    mask: str,
    brain_mask: str,
    figure: str,
    title: str,
    simulated: bool,
    r2star: str | None = None,
    others: Mapping[str, str] | None = None,
    quality: str | None = None,
) -> None:
    """Draw magnitude, wrapped phase, R2*, local field and χ in three planes.

    Parameters
    ----------
    files : EchoFiles
        The run's images; the first magnitude and the last phase are drawn.
    local_field, mask : str
        From `remove_background`.
    chi, sidecar : str
        From `invert_dipole`.
    brain_mask : str
        From `mask_brain`.
    figure : str
        PNG to write.
    title : str
        Which session.
    simulated : bool
        True writes so on the picture.
    r2star : str, optional
        From `unwrap_phase`.
    others : mapping of str to str, optional
        Maps of the other echo sets, by their names.
    quality : str, optional
        Labels from `remove_background`.
    """
    echoes = files.read()
    names = [f"echo {n}, TE {1000 * time:.3g} ms" for n, time in enumerate(echoes.echo_times, start=1)] or [""]
    shown = (names[0], names[-1])
    if files.kind == "phase_difference":  # whose one time is the spacing of the echoes
        shown = ("both echoes together" if len(files.magnitude) > 1 else "one echo", "difference of two echoes")
    elif files.kind == "field_map":  # whose time is none of the scanner's
        shown = ("", "of the field map")
    chi_map, affine = read_image(chi)
    info = read_sidecar(sidecar)
    trust = "" if info["ReferenceTrusted"] else ", not trusted"
    doubts = ""
    if info["PhaseSignWarning"]:
        wrong = info["PhaseSignContrast"] < WRONG_BELOW
        doubts = (
            "\nthe phase sign is probably wrong" if wrong else "\nno veins and iron tell the sign: is this a brain?"
        )
    doubts += "\nthe given brain mask is empty and not used" if info.get("BrainMaskRefused") else ""
    doubts += f"\nbrain mask: {info['BrainMaskWarning']}" if info.get("BrainMaskWarning") else ""
    doubts += "\nan echo time seems wrong" if info.get("EchoTimeWarning") else ""
    if info.get("QualityWarning"):
        doubts += f"\n{100 * info['UnreliableShare']:.0f} % of the voxels have no reliable field"
    doubts += "\nreal and imaginary part seem to differ in scale" if info.get("PartsWarning") else ""
    write_qc_figure(
        figure, magnitude=echoes.magnitude[0], phase=echoes.phase[-1], local_field=read_image(local_field)[0],
        chi=chi_map, mask=read_image(mask)[0] > 0, affine=affine, simulated=simulated, echoes=shown,
        brain=read_image(brain_mask)[0] > 0, r2star=read_image(r2star)[0] if r2star else None,
        others={name: read_image(path)[0] for name, path in (others or {}).items()},
        quality=read_image(quality)[0] if quality else None,
        title=f"{title}, all echoes, {info['Inversion']}, "
        f"reference {info['Reference']} {info['ReferenceValue']:+.3f} ppm{trust}{doubts}",
    )  # fmt: skip


def _made_by() -> dict:
    """Say what made an image, for its sidecar."""
    return {"GeneratedBy": generated_by(), "StageVersion": stage_version("qsm")}


def _volumes_first(volumes: np.ndarray) -> np.ndarray:
    """Move the volumes of a 4-D image to the first axis; one volume may have lost its axis on disk."""
    return np.moveaxis(volumes, -1, 0) if volumes.ndim == 4 else volumes[None]
