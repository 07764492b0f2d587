"""What to extract: presets of the published studies, and any pyradiomics parameter file.

Presets are parameter files in pyradiomics' own format (folder ``presets``), so that the reference engine runs the
very same settings. What that format cannot say stands here: several grey-level settings at once, the unit that a bin
width refers to, and whether the two sides of a nucleus are one region.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chiomics.core.errors import InputError
from chiomics.radiomics.features import first_order, glcm, ngtdm, shape, shape_2d, sizes
from chiomics.radiomics.parameter_types import check_names, check_section, check_values, load_yaml

log = logging.getLogger(__name__)

#: Features per class, under pyradiomics' names.
FEATURES = {
    "shape": shape.NAMES,
    "shape2D": shape_2d.NAMES,
    "firstorder": first_order.NAMES,
    "glcm": tuple(sorted(glcm.NAMES)),
    "gldm": tuple(sorted(name for name in sizes.GLDM_NAMES if name)),
    "glrlm": tuple(sorted(sizes.GLRLM_NAMES)),
    "glszm": tuple(sorted(sizes.GLSZM_NAMES)),
    "ngtdm": ngtdm.NAMES,
}
#: Settings of a parameter file that this engine follows, with pyradiomics 3.0.1's defaults.
DEFAULTS = {
    "binWidth": 25, "binCount": None, "distances": [1], "force2D": False, "force2Ddimension": 0, "gldm_a": 0,
    "symmetricalGLCM": True, "weightingNorm": None, "voxelArrayShift": 0, "normalize": False, "normalizeScale": 1,
    "removeOutliers": None, "resampledPixelSpacing": None, "interpolator": "sitkBSpline", "padDistance": 5,
    "preCrop": False, "resegmentRange": None, "resegmentMode": "absolute", "resegmentShape": False,
    "minimumROIDimensions": 2, "minimumROISize": None, "label": 1, "label_channel": 0, "geometryTolerance": None,
    "correctMask": False,
}  # fmt: skip
#: Settings that change no feature here: how pyradiomics reports and checks.
WITHOUT_EFFECT = {"additionalInfo", "enableCExtensions"}
#: Features that are extracted only where they are named: they say nothing new.
ON_REQUEST = {"shape": shape.ON_REQUEST, "shape2D": shape_2d.ON_REQUEST, "firstorder": first_order.ON_REQUEST}
#: Names that pyradiomics 3.0.1 still takes and gives no value for, with what says the same.
RETIRED = {
    "glcm": {"Dissimilarity": "DifferenceAverage", "Homogeneity1": "Id", "Homogeneity2": "Idm",
             "SumVariance": "ClusterTendency"},
    "gldm": {"DependencePercentage": "nothing: it is always 1", "GrayLevelNonUniformityNormalized": "Uniformity"},
}  # fmt: skip
SECTIONS = ("setting", "imageType", "featureClass", "voxelSetting")
#: Names that older versions of pyradiomics had, with today's; it refuses them too.
OLD_SECTIONS = {"inputImage": "imageType", "enabledFeatures": "featureClass", "kwargs": "setting"}
FILTER_SETTINGS = {
    "sigma", "wavelet", "level", "start_level", "gradientUseSpacing", "lbp2DRadius", "lbp2DSamples", "lbp2DMethod",
    "lbp3DLevels", "lbp3DIcosphereRadius", "lbp3DIcosphereSubdivision",
}  # fmt: skip
KNOWN = {*DEFAULTS, *WITHOUT_EFFECT, *FILTER_SETTINGS}
IMAGE_TYPES = (
    "Original", "Wavelet", "LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D", "LBP3D",
)  # fmt: skip
#: What a preset adds to its parameter file. The 64 grey levels of yan874 are not published: it is the number that
#: Fiscone et al. find best. Zhang et al. bin maps in ppb.
PRESETS = {
    "fiscone107": {"gray_levels": (8, 16, 32, 64, 128, 256, 512)},
    "yan874": {"gray_levels": (64,)},
    "zhang527": {"unit": "ppb"},
}


@dataclass(frozen=True)
class Settings:
    """One extraction.

    Parameters
    ----------
    name : str
        Preset name, or ``custom``.
    features : dict of str to tuple of str
        Feature names per class.
    image_types : dict of str to dict
        Image types with the settings that hold for each alone.
    parameters : dict
        Settings of the parameter file, as given.
    gray_levels : tuple of int
        Fixed numbers of bins; empty for a fixed bin width.
    bin_widths : tuple of float
        Fixed bin widths in the image's unit; empty for fixed numbers.
    unit : str, optional
        Unit that the image must have, ``ppm`` or ``ppb``.
    isolated_voxels : {"pyradiomics", "ibsi"}
        Whether a voxel without neighbour counts in the neighbourhood difference matrix (pyradiomics) or not (IBSI).
    """

    name: str
    features: dict[str, tuple[str, ...]]
    image_types: dict[str, dict]
    parameters: dict = field(default_factory=dict)
    gray_levels: tuple[int, ...] = ()
    bin_widths: tuple[float, ...] = ()
    unit: str | None = None
    isolated_voxels: str = "pyradiomics"

    def get(self, key: str) -> object:
        """Return a setting of the parameter file, or pyradiomics' default."""
        return self.parameters.get(key, DEFAULTS[key])

    def for_image_type(self, image_type: str) -> Settings:
        """Apply the settings that hold for one image type alone."""
        own = self.image_types[image_type]
        changed = replace(self, parameters={**self.parameters, **{k: own[k] for k in own if k in DEFAULTS}})
        if own.get("binCount") is not None:
            return replace(changed, gray_levels=(own["binCount"],), bin_widths=())
        if "binWidth" in own and not self.gray_levels:  # a number of bins comes before a width, as in pyradiomics
            return replace(changed, gray_levels=(), bin_widths=(own["binWidth"],))
        return changed

    @property
    def flat_axis(self) -> int | None:
        """Axis (z, y, x) along which matrices take no step, or None in 3-D."""
        return int(self.get("force2Ddimension")) if self.get("force2D") else None


def load_settings(
    preset: str | Path | Mapping = "fiscone107",
    *,
    gray_levels: Sequence[int] | int | None = None,
    bin_width: Sequence[float] | float | None = None,
    isolated_voxels: str = "pyradiomics",
) -> Settings:
    """Read a preset or a pyradiomics parameter file.

    Parameters
    ----------
    preset : str, path-like or mapping
        ``fiscone107``, ``yan874``, ``zhang527``, the path of a parameter file (YAML or JSON), or what one holds.
    gray_levels : int or sequence of int, optional
        Numbers of bins, in place of the preset's.
    bin_width : float or sequence of float, optional
        Bin widths in the image's unit, in place of the preset's.
    isolated_voxels : {"pyradiomics", "ibsi"}
        See `Settings`.

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        For an unknown preset, setting, image type, class or feature, and for a value that pyradiomics refuses.
    """
    known = isinstance(preset, (str, Path)) and str(preset) in PRESETS
    path, content = _content_of(preset, known=known)
    if gray_levels is not None and bin_width is not None:
        raise InputError("both a number of grey levels and a bin width are asked for", expected="one of the two")
    if isolated_voxels not in ("pyradiomics", "ibsi"):
        raise InputError("isolated_voxels", found=isolated_voxels, expected="pyradiomics or ibsi")
    if not isinstance(content, Mapping):
        raise InputError("a parameter file has sections", file=path, found=type(content).__name__)
    for old, new in OLD_SECTIONS.items():
        if old in content:
            raise InputError("a section of an old version of pyradiomics", file=path, found=old, expected=new)
    _refuse(set(content) - set(SECTIONS), path, "sections", SECTIONS)
    for section, values in content.items():
        check_section(values, section, path)
    if content.get("voxelSetting"):
        log.warning("%s: voxelSetting has no effect on the features of regions, and is passed over", path)
    parameters = content.get("setting") or {}
    classes = dict(content.get("featureClass") or {})
    if "shape2D" in classes and not parameters.get("force2D"):
        if len(classes) == 1:
            said = "shape2D is for regions of one slice"
            raise InputError(said, file=path, found="no force2D", expected="force2D: true")
        log.warning("%s: shape2D is for regions of one slice, and is passed over without force2D: true", path)
        del classes["shape2D"]
    if parameters.get("label_channel"):
        raise InputError("label_channel", file=path, found=str(parameters["label_channel"]), expected="0: one channel")
    _refuse(set(parameters) - KNOWN, path, "settings", KNOWN)
    check_values(parameters, "setting", path)
    for name, own in (content.get("imageType") or {}).items():
        check_section(own, f"imageType: {name}", path)
    check_names(classes, "featureClass", path)
    image_types = {name: own or {} for name, own in (content.get("imageType") or {"Original": {}}).items()}
    _refuse(set(image_types) - set(IMAGE_TYPES), path, "image types", IMAGE_TYPES)
    for name, own in image_types.items():
        _refuse(set(own) - KNOWN, path, "settings of an image type", KNOWN)
        check_values(own, f"imageType: {name}", path)
    if "LoG" in image_types and not (image_types["LoG"].get("sigma") or parameters.get("sigma")):
        log.warning("%s: LoG without sigma gives no image, and is passed over", path)
        del image_types["LoG"]
    features = _features(classes, path)
    if not any(features.values()) or not (image_types or set(features) & {"shape", "shape2D"}):
        raise InputError(
            "pyradiomics gives no value with it", file=path,
            found=f"image types {', '.join(image_types) or 'none'}, classes {', '.join(classes) or 'all'}",
            expected="one feature of one image or more",
        )  # fmt: skip

    extra = PRESETS[str(preset)] if known else {}
    if gray_levels is None and bin_width is None:
        gray_levels = extra.get("gray_levels") or parameters.get("binCount")
    levels = _positive(gray_levels, int, "number of grey levels")
    widths = (
        () if levels else _positive(bin_width or parameters.get("binWidth", DEFAULTS["binWidth"]), float, "bin width")
    )
    return Settings(
        name=str(preset) if known else "custom",
        features=features,
        image_types=image_types,
        parameters=parameters,
        gray_levels=levels,
        bin_widths=widths,
        unit=extra.get("unit"),
        isolated_voxels=isolated_voxels,
    )


def _content_of(preset: str | Path | Mapping, *, known: bool) -> tuple[Path, Any]:
    """Read what a preset's file holds; with the name that errors give it."""
    if isinstance(preset, Mapping):
        return Path("the parameter file"), preset
    path = Path(__file__).parent / "presets" / f"{preset}.yaml" if known else Path(preset)
    if not path.is_file():
        raise InputError(
            "no such preset or parameter file", found=str(preset), expected=f"{', '.join(PRESETS)} or a file"
        )
    return path, load_yaml(path)


def _features(section: dict | None, path: Path) -> dict[str, tuple[str, ...]]:
    section = section or dict.fromkeys(name for name in FEATURES if name != "shape2D")
    _refuse(set(section) - set(FEATURES), path, "feature classes", FEATURES)
    chosen = {}
    for name, wanted in section.items():
        extra, retired = ON_REQUEST.get(name, ()), RETIRED.get(name, {})
        for old in set(wanted or ()) & set(retired):
            log.warning("%s: pyradiomics gives no value of %s %s; in its place: %s", path, name, old, retired[old])
        _refuse(set(wanted or ()) - {*FEATURES[name], *extra, *retired}, path, f"features of {name}", FEATURES[name])
        named = sorted((*FEATURES[name], *extra)) if set(wanted or ()) & set(extra) else FEATURES[name]
        chosen[name] = tuple(feature for feature in named if not wanted or feature in wanted)
    return chosen


def _positive(values: object, kind: type, what: str) -> tuple:
    if values is None:
        return ()
    values = tuple(values) if isinstance(values, Sequence) else (values,)
    if any(isinstance(value, bool) or value != kind(value) or not value > 0 for value in values):
        raise InputError(what, found=str(values), expected="positive numbers")
    return tuple(dict.fromkeys(kind(value) if kind is int else value for value in values))


def _refuse(unknown: set, path: Path, what: str, known: Iterable[str]) -> None:
    if unknown:
        by_case = {name.casefold(): name for name in known}
        close = [get_close_matches(str(name).casefold(), by_case, n=1, cutoff=0.8) for name in sorted(unknown, key=str)]
        meant = [by_case[found[0]] for found in close if found]
        found, expected = ", ".join(sorted(map(str, unknown))), ", ".join(meant) or None
        raise InputError(f"unknown {what}", file=path, found=found, expected=expected)
