"""Group gradient-echo images into one input per run, from their names alone.

Never chooses silently: what could be read in two ways raises, and what is left aside is said in a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chiomics.core.errors import InputError
from chiomics.index.names import FIELD_MAP, GreImage, NamedFile, matches_acquisition

_PAIRS = {"magnitude_phase": ("magnitude", "phase"), "real_imaginary": ("real", "imaginary")}
_COMBINE = "coil-combined images (the scanner's adaptive combine, or MCPC-3D-S/ASPIRE on the channels)"


@dataclass
class GreInput:
    """The images of one run, in the order of the echoes."""

    kind: str  # magnitude_phase, real_imaginary, phase_difference or field_map
    echoes: list[int]
    magnitude: list[NamedFile] = field(default_factory=list)
    phase: list[NamedFile] = field(default_factory=list)
    real: list[NamedFile] = field(default_factory=list)
    imaginary: list[NamedFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[NamedFile]:
        """Every image of the run."""
        return [*self.magnitude, *self.phase, *self.real, *self.imaginary]


def choose_acquisition(images: list[GreImage], acquisition: str | None) -> tuple[dict[str, list[GreImage]], list[str]]:
    """Choose the one acquisition of a session, by run.

    Parameters
    ----------
    images : list of GreImage
        Of one session.
    acquisition : str, optional
        The operator's choice, see `matches_acquisition`.

    Returns
    -------
    runs : dict of str to list of GreImage
        The chosen images by run label, which is empty where there is none.
    warnings : list of str
        What was left aside.

    Raises
    ------
    InputError
        Where several acquisitions remain, or none is the one that `acquisition` names.
    """
    warnings: list[str] = []
    images = _join_phase_difference(images)
    if acquisition is not None:
        chosen = [image for image in images if matches_acquisition(image, acquisition)]
        if not chosen:
            raise InputError(
                "no GRE of the acquisition that index.acquisition names",
                found=_variants(images), expected=acquisition,
            )  # fmt: skip
        images = chosen
    plain = [image for image in images if "desc" not in image.file.entities]
    if plain and len(plain) < len(images) and acquisition is None and has_phase(plain):
        aside = sorted({image.variant for image in images if image not in plain})
        warnings.append(f"left aside beside images without desc-: {', '.join(aside)}")
        images = plain
    if any(image.coil for image in images) and any(not image.coil and _is_phase(image) for image in images):
        warnings.append("uncombined coils are left aside beside coil-combined images")
        images = [image for image in images if not image.coil]
    with_phase = {_label(image) for image in images if _is_phase(image)}
    if with_phase:
        aside = sorted({image.variant for image in images if _label(image) not in with_phase})
        if aside:
            warnings.append(f"magnitude without phase is left aside: {', '.join(aside)}")
        images = [image for image in images if _label(image) in with_phase]
    if len({_label(image) for image in images}) > 1:
        raise InputError(
            "several GRE acquisitions in one session, and index.acquisition does not name one",
            found=_variants(images), expected="index.acquisition to name one, e.g. acq-<label>",
        )  # fmt: skip
    runs: dict[str, list[GreImage]] = {}
    for image in images:
        runs.setdefault(image.file.entities.get("run", ""), []).append(image)
    return runs, warnings


def assemble(images: list[GreImage]) -> GreInput:
    """Put the images of one run in order.

    Parameters
    ----------
    images : list of GreImage
        Of one acquisition and run.

    Returns
    -------
    GreInput
        Every echo with both of its parts.

    Raises
    ------
    InputError
        For uncombined coils, two files for one part of an echo, and a part or an echo number that is missing.
    """
    for image in images:
        if image.coil:
            raise InputError("uncombined coils", file=image.file.path, found=f"coil-{image.coil}", expected=_COMBINE)
        if not image.part:
            part = image.file.entities["part"]
            raise InputError("unknown part", file=image.file.path, found=f"part-{part}", expected="mag or phase")
        if image.echo is None and "echo" in image.file.entities:
            label = image.file.entities["echo"]
            raise InputError("the echo is not a number", file=image.file.path, found=f"echo-{label}")
    images, warnings = _drop_implicit(images)
    parts: dict[str, dict[int | None, NamedFile]] = {}
    for image in images:
        echoes = parts.setdefault(image.part, {})
        if image.echo in echoes:
            both = f"{echoes[image.echo].path} and {image.file.path}"
            raise InputError(f"two files for the {image.part} of one echo", found=both, expected="one file")
        echoes[image.echo] = image.file
    gre = _pair(parts, warnings)
    gaps = sorted(set(range(1, gre.echoes[-1] + 1)) - set(gre.echoes))
    if gaps:
        gre.warnings.append(f"echo numbers are missing: {_numbers(gaps)}")
    return gre


def has_phase(images: list[GreImage]) -> bool:
    """Return whether any image carries phase, be it as a difference or as real and imaginary parts."""
    return any(_is_phase(image) for image in images)


def _pair(parts: dict[str, dict[int | None, NamedFile]], warnings: list[str]) -> GreInput:
    """Find the kind of input and pair its parts."""
    if "phasediff" in parts and "phase" not in parts:
        return _with_magnitudes("phase_difference", parts.get("magnitude", {}), parts["phasediff"], [1, 2], warnings)
    if "fieldmap" in parts and "phase" not in parts:
        return _with_magnitudes("field_map", parts.get("magnitude", {}), parts["fieldmap"], [1], warnings)
    kind = "real_imaginary" if "phase" not in parts and "real" in parts and "imaginary" in parts else "magnitude_phase"
    first, second = _PAIRS[kind]
    for name, other in ((first, second), (second, first)):
        if name not in parts:
            file = next(iter(parts[other].values())).path if other in parts else None
            raise InputError(f"there is no {name} image", file=file, expected=f"{first} and {second} for each echo")
    if set(parts[first]) != set(parts[second]):
        raise InputError(
            f"an echo lacks its {first} or its {second}",
            file=next(iter(parts[first].values())).path,
            found=f"{first} of echo {_numbers(parts[first])}, {second} of echo {_numbers(parts[second])}",
            expected="both for each echo",
        )
    echoes = list(parts[first])
    if None in echoes and len(echoes) > 1:
        file = parts[first][None].path
        raise InputError("some images of one acquisition have echo- in their name, and some not", file=file)
    unused = sorted(set(parts) - {first, second})
    if unused:
        warnings = [*warnings, f"{kind} is used; {', '.join(unused)} images are left aside"]
    echoes.sort(key=lambda echo: echo or 0)
    gre = GreInput(kind, [echo or 1 for echo in echoes], warnings=warnings)
    setattr(gre, first, [parts[first][echo] for echo in echoes])
    setattr(gre, second, [parts[second][echo] for echo in echoes])
    return gre


def _with_magnitudes(
    kind: str,
    magnitude: dict[int | None, NamedFile],
    phase: dict[int | None, NamedFile],
    echoes: list[int],
    warnings: list[str],
) -> GreInput:
    """Put a phase difference or a field map together with its magnitude, of one echo or of both."""
    name = kind.replace("_", " ")
    if not 1 <= len(magnitude) <= 2 or (None in magnitude and len(magnitude) > 1) or len(phase) != 1:
        raise InputError(
            f"a {name} needs a magnitude, of one or of both of its echoes",
            file=next(iter(phase.values())).path,
            found=f"{len(magnitude)} magnitude and {len(phase)} {name} images",
            expected=f"one or two magnitudes and one {name}",
        )
    files = [magnitude[echo] for echo in sorted(magnitude, key=lambda echo: echo or 0)]
    return GreInput(kind, echoes, magnitude=files, phase=list(phase.values()), warnings=warnings)


def _join_phase_difference(images: list[GreImage]) -> list[GreImage]:
    """Return a phase difference without magnitudes of its own spelling to the one acquisition it can belong to."""
    by_label: dict[tuple, list[GreImage]] = {}
    for image in images:
        by_label.setdefault(_label(image), []).append(image)
    joined = list(images)
    for (family, others), group in by_label.items():
        if family != FIELD_MAP or {image.part for image in group} != {"phasediff"}:
            continue
        hosts = [
            host
            for (name, entities), host in by_label.items()
            if name != FIELD_MAP and entities == others and not has_phase(host)
        ]
        if len(hosts) == 1:
            joined = [image._replace(family=hosts[0][0].family) if image in group else image for image in joined]
    return joined


def _drop_implicit(images: list[GreImage]) -> tuple[list[GreImage], list[str]]:
    """Leave images without ``part-`` aside where others say that they are the magnitude."""
    if any(image.explicit and image.part == "magnitude" for image in images):
        aside = [image.file.path for image in images if not image.explicit]
        if aside:
            kept = [image for image in images if image.explicit]
            return kept, [f"an image without part- is left aside beside part-mag: {', '.join(aside)}"]
    return images, []


def _is_phase(image: GreImage) -> bool:
    return image.part != "magnitude"


def _label(image: GreImage) -> tuple[str, tuple[str, ...]]:
    return image.family, image.others


def _variants(images: list[GreImage]) -> str:
    return ", ".join(sorted({image.variant for image in images}))


def _numbers(echoes: Iterable[int | None]) -> str:
    return ", ".join("without number" if echo is None else str(echo) for echo in sorted(echoes, key=lambda e: e or 0))
