"""What values of a pyradiomics parameter file may be, as the schema of pyradiomics 3.0.1 has it (paramSchema.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chiomics.core.errors import InputError
from chiomics.core.settings.yaml_loader import PlainLoader

#: Kind, least value, whether that itself is allowed, and the largest value, of settings with one number.
NUMBERS = {
    "minimumROIDimensions": (int, 1, True, 3), "minimumROISize": (int, 0, False, None),
    "geometryTolerance": (float, 0, False, None), "label": (int, 0, False, None), "label_channel": (int, 0, True, None),
    "binWidth": (float, 0, False, None), "binCount": (int, 0, False, None), "normalizeScale": (int, 0, False, None),
    "removeOutliers": (float, 0, False, None), "padDistance": (int, 0, True, None),
    "force2Ddimension": (int, 0, True, 2), "start_level": (int, 0, True, None), "level": (int, 0, False, None),
    "lbp2DRadius": (float, 0, False, None), "lbp2DSamples": (int, 1, True, None), "lbp3DLevels": (int, 1, True, None),
    "lbp3DIcosphereRadius": (float, 0, False, None), "lbp3DIcosphereSubdivision": (int, 0, True, None),
    "voxelArrayShift": (int, None, True, None), "gldm_a": (int, 0, True, None),
}  # fmt: skip
#: The same of settings that are lists of numbers.
LISTS = {
    "resampledPixelSpacing": (float, 0, True, None), "distances": (int, 0, False, None),
    "resegmentRange": (float, None, True, None), "sigma": (float, 0, False, None),
}  # fmt: skip
SWITCHES = (
    "correctMask", "additionalInfo", "normalize", "force2D", "resegmentShape", "preCrop", "gradientUseSpacing",
    "symmetricalGLCM", "enableCExtensions",
)  # fmt: skip
WORDS = {
    "resegmentMode": ("absolute", "relative", "sigma"),
    "lbp2DMethod": ("default", "ror", "uniform", "var"),
    "weightingNorm": ("manhattan", "euclidean", "infinity", "no_weighting"),
    "interpolator": (
        "sitkNearestNeighbor",
        "sitkLinear",
        "sitkBSpline",
        "sitkGaussian",
        "sitkLabelGaussian",
        "sitkHammingWindowedSinc",
        "sitkCosineWindowedSinc",
        "sitkWelchWindowedSinc",
        "sitkLanczosWindowedSinc",
        "sitkBlackmanWindowedSinc",
    ),
}


def load_yaml(path: Path) -> Any:
    """Read a parameter file, an empty one as no section at all.

    Raises
    ------
    InputError
        With the line, where it is not YAML (tabs, a key twice) or no text.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=PlainLoader) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        found = str(error.problem).removeprefix("found ")
        raise InputError(f"line {line} is not YAML", file=path, found=found) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("the parameter file is no text of YAML", file=path, found=str(error)[:100]) from error


def check_section(content: object, where: str, path: Path) -> None:
    """Refuse a section that is not a mapping of names.

    Parameters
    ----------
    content : object
        What stands below the section's name.
    where : str
        That name.
    path : pathlib.Path
        The parameter file, for the message.

    Raises
    ------
    InputError
        For a list or a single value.
    """
    if content is not None and not isinstance(content, Mapping):
        raise InputError(where, file=path, found=_shown(content), expected="names with values, `name: value` on a line")


def check_values(settings: Mapping, where: str, path: Path) -> None:
    """Refuse values of settings that pyradiomics refuses; an empty one is the default.

    Parameters
    ----------
    settings : mapping
        Setting to value.
    where : str
        Section, for the message.
    path : pathlib.Path
        The parameter file, for the message.

    Raises
    ------
    InputError
        With the key, what was found and what is allowed.
    """
    for key, value in settings.items():
        if value is not None and (expected := _expected(key, value)):
            raise InputError(f"{where}: {key}", file=path, found=_shown(value), expected=expected)


def check_names(section: Mapping, where: str, path: Path) -> None:
    """Refuse features that are not a list of names, class by class."""
    for key, value in section.items():
        if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            expected = "a list of names of features, or nothing for all"
            raise InputError(f"{where}: {key}", file=path, found=_shown(value), expected=expected)


def _expected(key: str, value: object) -> str:
    """Say what is allowed where the value is not."""
    if key in NUMBERS and not _is_number(value, *NUMBERS[key]):
        return _range("one", *NUMBERS[key])
    if key in LISTS and not (isinstance(value, list) and value and all(_is_number(one, *LISTS[key]) for one in value)):
        return "a list, each " + _range("one", *LISTS[key]).removeprefix("one ")
    if key == "resampledPixelSpacing" and isinstance(value, list) and len(value) != 3:
        return "a list of three numbers, where 0 keeps the image's own"
    if key == "wavelet":
        import pywt

        return "" if value in pywt.wavelist(kind="discrete") else "a discrete wavelet of PyWavelets, e.g. coif1"
    if key in SWITCHES and not isinstance(value, bool):
        return "true or false"
    if key in WORDS and value not in WORDS[key]:
        return "one of " + ", ".join(WORDS[key])
    return ""


def _is_number(value: object, kind: type, low: float | None, closed: bool, high: float | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        return False
    above = low is None or value > low or (closed and value == low)
    return above and abs(value) < float("inf") and (high is None or value <= high)


def _range(how_many: str, kind: type, low: float | None, closed: bool, high: float | None) -> str:
    name = f"{how_many} {'whole ' if kind is int else ''}number"
    if high is not None:
        return f"{name} from {low} to {high}"
    return name if low is None else f"{name} {'of at least' if closed else 'above'} {low}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"the text '{value}'"
    return f"{str(value).lower() if isinstance(value, bool) else value}"
