"""`extract`: the engine for whoever holds an image and a mask, without the workflow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError, SettingError
from chiomics.core.space.grids import check_same_grid, same_grid
from chiomics.radiomics.engine import Feature, region_features
from chiomics.radiomics.features.discretise import FlatRegionError, say_few_levels
from chiomics.radiomics.features.filters import image_names
from chiomics.radiomics.image_zyx import ImageZYX, as_image
from chiomics.radiomics.parameters import Settings, load_settings
from chiomics.radiomics.prepare import RegionError, normalise, prepare, resample_mask
from chiomics.radiomics.reference import reference_features
from chiomics.radiomics.region import bounding_box
from chiomics.radiomics.vois import check_labels

SHAPES = ("shape", "shape2D")
ENGINES = ("chiomics", "pyradiomics")
#: A region whose values span less than this in a map said to be in ppb is taken for one in ppm: brain tissue spans
#: some hundred ppb, 0.3 ppm.
MIN_RANGE_PPB = 1.0

log = logging.getLogger(__name__)


def extract(
    image: object,
    mask: object,
    *,
    preset: str | Path | Settings = "fiscone107",
    gray_levels: Sequence[int] | int | None = None,
    bin_width: Sequence[float] | float | None = None,
    labels: Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    spacing: Sequence[float] | None = None,
    unit: str | None = None,
    engine: str = "chiomics",
    isolated_voxels: str = "pyradiomics",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Extract radiomic features of the labels of an image.

    Parameters
    ----------
    image, mask : Volume, SimpleITK.Image, nibabel image, path-like, or ndarray of shape (x, y, z)
        Image and label image on the same voxels. Grey levels are found in the image's own number type, as pyradiomics
        does; cast to float64 beforehand for bins that do not depend on how the image is stored.
    preset : str, path-like or Settings
        ``fiscone107`` (107 features), ``yan874``, ``zhang527``, or a pyradiomics parameter file.
    gray_levels : int or sequence of int, optional
        Numbers of bins; the preset's by default.
    bin_width : float or sequence of float, optional
        Bin widths in the image's unit (in ppb for ``zhang527``), in place of numbers of bins.
    labels : sequence of int, or mapping of str to int or sequence of int, optional
        Labels to extract, all but 0 by default. A mapping gives names, and may make one region of several labels.
    spacing : sequence of float, optional
        Voxel size in mm along the array's axes, for arrays only.
    unit : {"ppm", "ppb"}, optional
        Unit of a susceptibility map; needed by ``zhang527``, whose bin width is in ppb.
    engine : {"chiomics", "pyradiomics"}
        This engine, or pyradiomics itself as reference.
    isolated_voxels : {"pyradiomics", "ibsi"}
        How the neighbourhood difference matrix treats a voxel without neighbour.
    progress : callable, optional
        Called with the number of values found so far and of all.

    Returns
    -------
    pandas.DataFrame
        One row per value: ``n_gray_levels`` (or ``bin_width``), ``image_type``, ``feature_class``, ``feature``,
        ``value``; before these ``label`` where there is more than one. A label that is too small or flat has NaN, and
        the reason in ``frame.attrs["reasons"]``.

    Raises
    ------
    InputError
        For images that do not fit each other or the settings, and where no label can be used.

    References
    ----------
    .. [1] van Griethuysen et al. 2017, Computational radiomics system to decode the radiographic phenotype, Cancer Res
       77:e104.
    """
    settings = preset
    if not isinstance(settings, Settings):
        settings = load_settings(preset, gray_levels=gray_levels, bin_width=bin_width, isolated_voxels=isolated_voxels)
    check_engine(engine, settings)
    mask = mask.filled(0) if isinstance(mask, np.ma.MaskedArray) else mask
    volume, label_volume = as_image(image, spacing), as_image(mask, spacing)
    check_labels(label_volume.voxels, mask if isinstance(mask, (str, Path)) else None, probabilities=False)
    label_volume = on_image(label_volume, volume, settings)
    volume = in_unit(volume, settings, unit)
    regions = _named_labels(label_volume, labels if labels is not None else _label_of_file(label_volume, settings))

    expected = expected_features(settings)
    rows, reasons = [], {}
    normed = normalise(volume, settings) if engine == "chiomics" else volume
    for number, (name, members) in enumerate(regions.items()):
        found: list[Feature] = []
        try:
            values = volume.voxels[np.isin(label_volume.voxels, members)]
            check_unit(values, settings)
            if not settings.get("normalize") and (few := say_few_levels(values, settings.bin_widths)):
                log.warning("label %s: %s", name, few)
            if engine == "chiomics":
                source = region_features(normed, prepare(label_volume, members, settings), settings)
            else:
                source = reference_features(volume, label_volume, members, settings)
            for feature in source:
                found.append(feature)
                if progress is not None and len(found) % 100 == 0:
                    progress(number * len(expected) + len(found), len(regions) * len(expected))
        except (RegionError, FlatRegionError) as error:
            reasons[name] = str(error)
            log.warning("label %s: %s", name, error)
            found = [Feature(*key, np.nan) for key in expected]
        rows += [(name, *feature) for feature in found]
        if progress is not None:
            progress((number + 1) * len(expected), len(regions) * len(expected))
    if len(reasons) == len(regions):
        raise InputError("no label can be used", found="; ".join(f"{name}: {why}" for name, why in reasons.items()))
    setting = "n_gray_levels" if settings.gray_levels else "bin_width"
    frame = pd.DataFrame(rows, columns=["label", setting, "image_type", "feature_class", "feature", "value"])
    if len(regions) == 1 and labels is None:
        frame = frame.drop(columns="label")
    frame.attrs["reasons"] = reasons
    return frame


def check_engine(engine: str, settings: Settings) -> None:
    """Stop where there is no such engine, or it cannot do what the settings ask for."""
    if engine not in ENGINES:
        raise SettingError("engine", found=engine, expected=" or ".join(ENGINES))
    if engine == "pyradiomics" and settings.isolated_voxels != "pyradiomics" and "ngtdm" in settings.features:
        raise SettingError(
            "engine pyradiomics counts voxels without a neighbour in its own way",
            found=f"isolated_voxels {settings.isolated_voxels}",
            expected="isolated_voxels pyradiomics, or engine chiomics",
        )


def in_unit(image: ImageZYX, settings: Settings, unit: str | None) -> ImageZYX:
    """Bring a susceptibility map to the unit that the settings need; without such a need, return it as it is."""
    if unit not in (None, "ppm", "ppb"):
        raise InputError("unit", found=unit, expected="ppm or ppb")
    if settings.unit is None or unit == settings.unit:
        return image
    if unit is None:
        raise InputError(
            f"preset {settings.name} has its bin width in {settings.unit}, and the image's unit is not said",
            expected="unit ppm or ppb",
        )
    factor = 1000.0 if settings.unit == "ppb" else 0.001
    return ImageZYX(image.voxels * image.voxels.dtype.type(factor), image.spacing, image.origin, image.direction)


def check_unit(values: np.ndarray, settings: Settings) -> None:
    """Stop where values said to be in ppb are far too small to be so."""
    if settings.unit != "ppb":
        return
    if values.size and 0 < np.ptp(values) < MIN_RANGE_PPB:
        raise InputError(
            f"preset {settings.name} needs a map in ppb",
            found=f"values that span {np.ptp(values):.3g}",
            expected="some hundred; a map in ppm is converted when its unit is said",
        )


def expected_features(settings: Settings) -> list[tuple[float, str, str, str]]:
    """List the grey-level setting, image type, class and name of each row that an extraction with `settings` gives."""
    rows = []
    for setting in (*settings.gray_levels, *settings.bin_widths):
        rows += [(setting, "original", name, feature) for name in SHAPES for feature in settings.features.get(name, ())]
        for image_type in settings.image_types:
            rows += [
                (setting, name, feature_class, feature)
                for name in image_names(image_type, settings)
                for feature_class, features in settings.features.items()
                if feature_class not in SHAPES
                for feature in features
            ]
    return rows


def on_image(mask: ImageZYX, image: ImageZYX, settings: Settings) -> ImageZYX:
    """Put a mask on the image's geometry, as far as the parameter file's correctMask and geometryTolerance allow.

    Raises
    ------
    InputError
        Where it lies on other voxels.
    """
    tolerance, correct = settings.get("geometryTolerance"), bool(settings.get("correctMask"))
    if (mask.shape != image.shape and correct) or (correct and not same_grid(image, mask)):
        return resample_mask(mask, image)
    check_same_grid(image, mask, what="image and mask")
    if tolerance is not None:
        apart = max(
            np.abs(np.subtract(image.origin, mask.origin)).max() / min(image.spacing),
            np.abs(np.subtract(image.spacing, mask.spacing)).max() / min(image.spacing),
            np.abs(np.subtract(image.direction, mask.direction)).max(),
        )
        if apart > float(tolerance):
            raise InputError(
                "image and mask differ in geometry", found=f"{apart:.2g}", expected=f"geometryTolerance {tolerance:g}"
            )
    return mask.on(image)


def _label_of_file(mask: ImageZYX, settings: Settings) -> list[int] | None:
    """Take the label that the parameter file names; None where it names none."""
    if "label" not in settings.parameters:
        return None
    label = settings.parameters["label"]
    if not (mask.voxels == label).any():
        raise InputError(
            f"the mask has no label {label}, which the parameter file asks for",
            found=", ".join(f"{one:g}" for one in np.unique(mask.voxels)[:10]), expected=f"{label}",
        )  # fmt: skip
    return [label]


def _named_labels(mask: ImageZYX, labels: object) -> dict[str, tuple[int, ...]]:
    if labels is None:
        present = np.unique(mask.voxels[bounding_box(mask.voxels != 0)])
        labels = [label for label in present.tolist() if label != 0]
        if not labels:
            raise InputError("the mask holds no label", found="only 0", expected="at least one other value")
    numbers = [one for part in (labels.values() if isinstance(labels, Mapping) else labels) for one in np.ravel(part)]
    if not numbers or any(isinstance(one, str) or not np.isfinite(one) for one in numbers):
        raise InputError(
            "labels to extract", found=str(labels), expected="numbers that the mask holds, or names with numbers"
        )
    if isinstance(labels, Mapping):
        return {str(name): (members,) if np.isscalar(members) else tuple(members) for name, members in labels.items()}
    return {f"{label:g}": (label,) for label in labels}
