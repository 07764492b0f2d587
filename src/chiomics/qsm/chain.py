"""From wrapped phase to the local field of every echo set, by one of two presets.

`default` unwraps once for all echo sets, removes the phase offset, fits the field over the echoes of each set, leaves
unreliable voxels at the brain's edge out, and removes the background by PDF with TFI preconditioning. `published` is
the pipeline of Fiscone et al. 2023: Laplacian unwrapping and V-SHARP echo by echo, then the average of the echoes'
local fields over each set. What the sets share is computed once: offset, unwrapping, mask and background; in
`published` everything but the average.

Echo numbers count from 1, as in BIDS.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from chiomics.core.errors import InputError, SettingError
from chiomics.core.units import radians_per_ppm
from chiomics.qsm.arrays import as_mask, as_values, as_voxel_size, check_field_strength, in_mask
from chiomics.qsm.background.pdf import FURTHER_ITERATIONS, remove_background_pdf
from chiomics.qsm.background.vsharp import remove_background_vsharp
from chiomics.qsm.data_weight import echo_agreement, inversion_weight
from chiomics.qsm.echo_inputs import check_echoes, phase_difference_as_echo
from chiomics.qsm.input_checks import check_agreement, check_departures
from chiomics.qsm.masks.reliable_mask import phase_quality, reliable_mask
from chiomics.qsm.phase.bipolar import Bipolar, find_bipolar
from chiomics.qsm.phase.combine_echoes import combine_local_fields
from chiomics.qsm.phase.doubtful_steps import doubtful_voxels, halve_spacing, settled_voxels
from chiomics.qsm.phase.fit_echoes import echo_product, fit_field, unwrap_over_echoes
from chiomics.qsm.phase.phase_offset import remove_bipolar, remove_offset
from chiomics.qsm.phase.unwrap_laplacian import unwrap_cosine, unwrap_fourier
from chiomics.qsm.phase.unwrap_quality import unwrap_quality
from chiomics.qsm.presets import PRESETS, preset
from chiomics.qsm.quality_map import describe_quality, label_quality
from chiomics.qsm.strong_sources import turns_around_sources

__all__ = ["PRESETS", "estimate_total_fields", "phase_difference_as_echo", "preset", "remove_background_fields"]

#: Share of the brain's voxels with doubtful turns from which a warning is given; simulated heads have 0.05 % at 3 T and
#: 2 mm, 2 % at 7 T and 1 mm.
DOUBTFUL_SHARE = 0.05

#: Degree of the polynomial that is fitted along with the background of two echoes of a bipolar read-out. On a made-up
#: head whose two echoes differ by a ramp of 1 rad from its middle to its ends and a parabola of a third of that, the
#: error of the local field is 53 % without and 38 % with it, of four times that 148 and 43 %, and without any
#: alternation 37.0 and 37.9 %.
BIPOLAR_DEGREE = 2

log = logging.getLogger(__name__)


def estimate_total_fields(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    echo_times: Sequence[float],
    field_strength: float,
    voxel_size: Sequence[float],
    echo_sets: Mapping[str, Sequence[int]],
    preset_name: str = "default",
    overrides: Mapping | None = None,
    bipolar: bool | str = "auto",
    b0_direction: Sequence[float] | None = None,
    workers: int = 1,
) -> dict:
    """Unwrap the phase and estimate the total fields.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and wrapped phase in rad, rising with the field.
    mask : ndarray of bool, shape (x, y, z)
        Brain.
    echo_times : sequence of float
        In s, ascending; for a phase difference its one spacing, see `phase_difference_as_echo`.
    field_strength : float
        In T.
    voxel_size : sequence of 3 floats
        In mm.
    echo_sets : mapping of str to sequence of int
        Echo numbers, from 1, of every set.
    preset_name : {"default", "published"}
        Preset.
    overrides : mapping, optional
        Single parameters of the preset, replaced.
    bipolar : bool or "auto"
        Whether the read-out alternates; "auto" tells it from three echoes at one spacing, see `find_bipolar`. Two
        echoes cannot tell. A ramp along the read-out goes with their background; with True the background is fitted
        along with a polynomial (`BIPOLAR_DEGREE`), which takes what is no ramp as well.
    b0_direction : sequence of 3 floats, optional
        Direction of B0 in voxel axes. With it, turns that are lost around strong compact sources are found, see
        `turns_around_sources`.
    workers : int
        Threads.

    Returns
    -------
    dict
        ``fields`` (n, x, y, z) in ppm, float32: one per echo set ("default") or per echo ("published");
        ``names``: what each field belongs to; ``inverse_sd`` (n, x, y, z): inverse noise, any unit;
        ``quality`` (x, y, z): agreement of the echoes, 0 to 1, and 0 where the number of turns is a guess; ``mask``:
        voxels to go on with; ``info``: dict for the sidecar.

    Raises
    ------
    InputError
        For shapes that differ, echo times that do not rise, echo sets that the session cannot give, a field strength or
        voxel size that is none, and magnitude or phase that is not finite in the mask.
    """
    parameters = preset(preset_name, overrides, echoes=len(echo_times))
    times, voxel_size = np.asarray(echo_times, float), as_voxel_size(voxel_size)
    check_field_strength(field_strength)
    magnitude, phase, mask = as_values(magnitude, "magnitude"), as_values(phase, "phase"), as_mask(mask)
    check_echoes(magnitude, phase, mask, times, echo_sets)
    bounds = _bounding_box(mask)
    box = (slice(None), *bounds)
    brain = np.ascontiguousarray(mask[bounds])
    magnitude = np.ascontiguousarray(in_mask(magnitude[box], brain, "magnitude"), np.float32)
    phase = np.ascontiguousarray(in_mask(phase[box], brain, "phase"), np.float32)
    found = find_bipolar(magnitude, phase, brain, echo_times=times, voxel_size=voxel_size)
    corrected = _corrects_bipolar(bipolar, found, len(phase))
    if bipolar is True and len(phase) == 2 and parameters["background"] == "pdf":
        # Two echoes cannot tell the alternation from field; but it is smooth, and goes with the background.
        parameters["offset_degree"] = max(parameters["offset_degree"], BIPOLAR_DEGREE)
        corrected = True
    elif corrected:
        phase = remove_bipolar(magnitude, phase, brain, echo_times=times, voxel_size=voxel_size)
    estimate = _fit_echo_sets if parameters["combine"] == "fit" else _field_of_each_echo
    fields, inverse_sd, quality, doubtful, names, doubt = estimate(
        magnitude, phase, brain, times, field_strength, voxel_size, b0_direction, echo_sets, parameters, workers
    )
    kept = reliable_mask(brain, quality, voxel_size=voxel_size, min_quality=parameters["min_quality"])
    quality = np.where(doubtful, np.float32(0), quality)  # no weight: filled by the model of the background removal
    share = float(doubtful.sum() / max(brain.sum(), 1))
    if share > DOUBTFUL_SHARE:
        log.warning("the number of turns is a guess in %.1f %% of the brain: they get no weight", 100 * share)
    whole = _Whole(mask.shape, bounds)
    return {
        "fields": whole.stack(fields),
        "names": names,
        "inverse_sd": whole.stack(inverse_sd),
        "quality": whole(quality),
        "mask": whole(kept),
        "info": {
            "PhaseChain": preset_name,
            "PhaseChainParameters": parameters,
            "EchoTimes": times.tolist(),
            "EchoTimeWarning": doubt,
            "BipolarCorrection": corrected,
            "BipolarAlternation": found.alternation,
            "BrainVoxels": int(mask.sum()),
            "ReliableVoxels": int(kept.sum()),
            "DoubtfulVoxels": int((doubtful & kept).sum()),
        },
    }


def remove_background_fields(
    fields: np.ndarray,
    mask: np.ndarray,
    *,
    names: Sequence[str],
    inverse_sd: np.ndarray,
    quality: np.ndarray,
    echo_times: Sequence[float],
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    echo_sets: Mapping[str, Sequence[int]],
    preset_name: str = "default",
    overrides: Mapping | None = None,
    workers: int = 1,
    backend: str = "numpy",
) -> dict:
    """Remove the background, and for the published preset average the echoes of each set.

    Parameters
    ----------
    fields, inverse_sd : ndarray, shape (n, x, y, z)
        From `estimate_total_fields`.
    mask : ndarray of bool, shape (x, y, z)
        From `estimate_total_fields`.
    names : sequence of str
        From `estimate_total_fields`.
    quality : ndarray, shape (x, y, z)
        From `estimate_total_fields`.
    echo_times : sequence of float
        In s.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    echo_sets : mapping of str to sequence of int
        Echo numbers, from 1, of every set.
    preset_name, overrides
        As for `estimate_total_fields`.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library of the background removal.

    Returns
    -------
    dict
        ``local_fields`` (s, x, y, z) in ppm and ``weights`` (s, x, y, z) with mean 1, in the order of ``names``, the
        names of the echo sets; ``mask``: voxels valid in all sets; ``quality``: labels of these voxels, see
        `label_quality`; ``info``: dict for the sidecar.

    Raises
    ------
    InputError
        For shapes that differ, and fields, inverse SD or quality that are not finite in the mask.
    """
    parameters = preset(preset_name, overrides, echoes=len(echo_times))
    mask = as_mask(mask)
    fields, inverse_sd = in_mask(fields, mask, "total field"), in_mask(inverse_sd, mask, "inverse SD")
    quality = in_mask(quality, mask, "quality")
    agreement = echo_agreement(
        quality,
        mask,
        voxel_size=voxel_size,
        quality_scale=parameters["quality_scale"],
        edge_factor=parameters["edge_factor"],
    )
    if parameters["background"] not in ("pdf", "vsharp"):
        raise SettingError("unknown background removal", found=str(parameters["background"]), expected="pdf, vsharp")
    if parameters["background"] == "pdf":
        inner = mask
        # The set of most echoes has the best field and is fitted in full; single echoes hold offsets of their own.
        order = sorted(range(len(fields)), key=lambda n: -len(echo_sets.get(names[n], ())))
        averaged = parameters["combine"] == "average"
        in_order = order == sorted(order)
        found = remove_background_pdf(
            fields if in_order else fields[order],
            mask,
            inversion_weight(inverse_sd[order[0]], agreement, mask),
            mask & (agreement < parameters["min_agreement"]),
            voxel_size=voxel_size,
            b0_direction=b0_direction,
            tissue_scale=parameters["tissue_scale"],
            rise=parameters["rise"],
            iterations=parameters["iterations"],
            refinements=parameters["refinements"],
            offset_degree=parameters["offset_degree"],
            further_iterations=parameters["iterations"] if averaged else FURTHER_ITERATIONS,
            workers=workers,
            backend=backend,
        )
        local = found if in_order else found[np.argsort(order)]
    else:
        local, inner = remove_background_vsharp(
            fields,
            mask,
            voxel_size=voxel_size,
            max_radius=parameters["max_radius"],
            threshold=parameters["threshold"],
            workers=workers,
            backend=backend,
        )
    if parameters["combine"] == "average":
        numbers = [int(name.removeprefix("echo-")) for name in names]
        averages, combined = [], []
        for echoes in echo_sets.values():
            chosen = [numbers.index(echo) for echo in echoes]
            times = [echo_times[echo - 1] for echo in echoes]
            # The inverse SD of one echo is m·TE, so the magnitude is recovered up to a factor.
            signal = inverse_sd[chosen] / np.asarray(times, np.float32)[:, None, None, None]
            averages.append(
                combine_local_fields(local[chosen], signal, echo_times=times, weights=parameters["echo_weights"])
            )
            combined.append(np.sqrt(np.einsum("exyz,exyz->xyz", inverse_sd[chosen], inverse_sd[chosen])))
        local, inverse_sd = np.stack(averages), combined
    weights = np.stack([inversion_weight(values, agreement, inner) for values in inverse_sd])
    log.info("local field: %d of %d mask voxels are kept", inner.sum(), mask.sum())
    labels = label_quality(
        quality, mask, voxel_size=voxel_size, quality_scale=parameters["quality_scale"],
        min_agreement=parameters["min_agreement"],
    )  # fmt: skip
    labels[~inner] = 0
    return {
        "local_fields": local,
        "weights": weights,
        "names": list(echo_sets),
        "mask": inner,
        "quality": labels,
        "info": {
            "BackgroundRemoval": parameters["background"],
            "LocalFieldVoxels": int(inner.sum()),
            **describe_quality(labels),
        },
    }


def _fit_echo_sets(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    times: np.ndarray,
    field_strength: float,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float] | None,
    echo_sets: Mapping[str, Sequence[int]],
    parameters: Mapping,
    workers: int,
) -> tuple:
    """Unwrap once with all echoes, then fit the field of each set."""
    if len(times) == 1:
        angle, strength, spacing = phase[0], magnitude[0], times[0]
    else:
        angle, strength, spacing = echo_product(magnitude, phase, echo_times=times)
        strength = np.sqrt(strength)
    turns = _unwrap(angle, mask, parameters["unwrap"], strength, voxel_size, workers)
    doubtful = doubtful_voxels(turns, mask)
    rate = turns / np.float32(spacing)
    if len(times) > 1:
        phase = remove_offset(magnitude, phase, rate, mask, echo_times=times, voxel_size=voxel_size)
        settled = settled_voxels(doubtful, magnitude, phase, rate, echo_times=times, spacing=spacing)
        if parameters["unwrap"] == "quality" and doubtful.any():
            finer = halve_spacing(magnitude, phase, rate, mask, doubtful, echo_times=times, spacing=spacing)
            if finer is not None:
                turns, spacing = _unwrap(finer, mask, "quality", strength, voxel_size, workers), spacing / 2
                # Half a turn of the whole spacing.
                settled &= np.abs(turns - rate * np.float32(spacing)) < np.pi / 2
                doubtful, rate = doubtful_voxels(turns, mask), turns / np.float32(spacing)
        doubtful &= ~settled
    unwrapped, quality = unwrap_over_echoes(magnitude, phase, rate, mask, echo_times=times, start_spacing=spacing)
    ppm = radians_per_ppm(field_strength, 1.0)
    if len(times) > 1 and b0_direction is not None and doubtful.any():
        field, precise = fit_field(magnitude, unwrapped, echo_times=times, radians_per_second_per_ppm=ppm)
        turns, settled = turns_around_sources(
            field, precise, quality, doubtful, mask,
            turn=2 * np.pi / spacing / ppm, voxel_size=voxel_size, b0_direction=b0_direction,
        )  # fmt: skip
        if settled.any():
            rate = (field * ppm + turns * (2 * np.pi / spacing)).astype(np.float32)
            unwrapped, quality = unwrap_over_echoes(
                magnitude, phase, rate, mask, echo_times=times, start_spacing=spacing
            )
            doubtful &= ~settled
    check_agreement(quality, mask, len(times))
    doubt = check_departures(magnitude, unwrapped, mask, echo_times=times, voxel_size=voxel_size)
    if len(times) == 1:
        quality = np.where(mask, phase_quality(phase[0]), np.float32(0))
    fields, inverse_sd = [], []
    for echoes in echo_sets.values():
        chosen = [echo - 1 for echo in echoes]
        field, precise = fit_field(
            magnitude[chosen],
            unwrapped[chosen],
            echo_times=times[chosen],
            radians_per_second_per_ppm=ppm,
        )
        fields.append(field)
        inverse_sd.append(precise)
    return fields, inverse_sd, quality, doubtful, list(echo_sets), doubt


def _field_of_each_echo(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    times: np.ndarray,
    field_strength: float,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float] | None,
    echo_sets: Mapping[str, Sequence[int]],
    parameters: Mapping,
    workers: int,
) -> tuple:
    """Unwrap every echo that a set needs on its own."""
    needed = sorted({echo for echoes in echo_sets.values() for echo in echoes})
    fields, inverse_sd = [], []
    for echo in needed:
        unwrapped = _unwrap(phase[echo - 1], mask, parameters["unwrap"], magnitude[echo - 1], voxel_size, workers)
        fields.append(unwrapped / np.float32(radians_per_ppm(field_strength, times[echo - 1])))
        inverse_sd.append(magnitude[echo - 1] * np.float32(times[echo - 1]))
    return fields, inverse_sd, mask.astype(np.float32), np.zeros_like(mask), [f"echo-{echo}" for echo in needed], None


def _unwrap(
    angle: np.ndarray, mask: np.ndarray, method: str, strength: np.ndarray, voxel_size: Sequence[float], workers: int
) -> np.ndarray:
    """Unwrap by the named method."""
    if method == "quality":
        return unwrap_quality(angle, mask, magnitude=strength)
    if method == "cosine":
        return unwrap_cosine(angle, mask, voxel_size=voxel_size, workers=workers)
    if method == "fourier":
        return unwrap_fourier(angle, mask, voxel_size=voxel_size, workers=workers)
    raise InputError("unknown unwrapping", found=repr(method), expected="quality, cosine or fourier")


def _corrects_bipolar(asked: bool | str, found: Bipolar, echoes: int) -> bool:
    """Decide whether the alternation of a bipolar read-out is removed, and say why."""
    if asked == "auto" and found.found:
        log.warning("bipolar read-out: odd and even echoes differ (%.2f rad), removed", found.alternation)
    elif asked is True and echoes == 2:
        log.warning("bipolar read-out of two echoes: what alternates is left to the background removal")
    elif asked is False and found.found:
        log.warning("odd and even echoes differ (%.2f rad), and `bipolar: false` keeps that", found.alternation)
    return found.found if asked == "auto" else bool(asked) and echoes != 2


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the box of the mask with one voxel around it."""
    bounds = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(int(hit[0]) - 1, 0), int(hit[-1]) + 2))
    return tuple(bounds)


class _Whole:
    """Puts volumes of the box back into the image."""

    def __init__(self, shape: tuple[int, ...], bounds: tuple[slice, ...]) -> None:
        self.shape, self.bounds = shape, bounds

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        image = np.zeros(self.shape, volume.dtype)
        image[self.bounds] = volume
        return image

    def stack(self, volumes: Sequence[np.ndarray]) -> np.ndarray:
        images = np.zeros((len(volumes), *self.shape), np.float32)
        for image, volume in zip(images, volumes, strict=True):
            image[self.bounds] = volume
        return images
