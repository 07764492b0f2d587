"""The features of one region in the maps of a session, by either engine, each with the reason for having no value."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from chiomics.radiomics.engine import Feature, region_features
from chiomics.radiomics.extraction import check_engine, expected_features, in_unit
from chiomics.radiomics.features.discretise import FlatRegionError, say_few_levels
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.prepare import RegionError, normalise, prepare
from chiomics.radiomics.reference import reference_features

log = logging.getLogger(__name__)


def ready_for(engine: str, chi: ImageZYX, settings: Settings) -> ImageZYX:
    """Bring a map in ppm to what an engine takes: in the settings' unit, and normalised unless the engine does so.

    Parameters
    ----------
    engine : {"chiomics", "pyradiomics"}
        This engine, or the reference, which normalises by itself.
    chi : ImageZYX
        Susceptibility in ppm.
    settings : Settings
        Unit and normalisation.

    Returns
    -------
    ImageZYX

    Raises
    ------
    InputError
        Where there is no such engine, or it cannot do what the settings ask for.
    """
    check_engine(engine, settings)
    chi = in_unit(chi, settings, "ppm")
    return normalise(chi, settings) if engine == "chiomics" else chi


def region_rows(
    inside: np.ndarray, maps: Mapping[tuple[str, str], ImageZYX], settings: Settings, *, engine: str, name: str
) -> Iterator[tuple[tuple[str, str], Feature, str]]:
    """Take the features of one region of each map.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        The region, which may be empty.
    maps : mapping of (inversion, echo set) to ImageZYX
        Of `ready_for`, all on the region's voxels.
    settings : Settings
        What to compute.
    engine : {"chiomics", "pyradiomics"}
        This engine, or the reference.
    name : str
        Of the region, for the log.

    Yields
    ------
    key : (inversion, echo set)
        Of the map.
    feature : Feature
        One of all that the settings name.
    reason : str
        Why there is no value, or none of use; empty where there is.
    """
    if not maps:
        return
    mask = replace(next(iter(maps.values())), voxels=inside.astype(np.uint8), source=None)
    prepared, refusal = None, ""
    try:
        prepared = prepare(mask, (1,), settings)
    except RegionError as error:
        refusal = str(error)
    for key, chi in maps.items():
        reason = refusal
        if not settings.get("normalize") and (few := say_few_levels(chi.voxels[inside], settings.bin_widths)):
            log.warning("%s, %s, map %s %s: %s", settings.name, name, *key, few)
        if prepared is not None:
            try:
                if engine == "chiomics":
                    found = list(region_features(chi, prepared, settings))
                else:
                    found = list(reference_features(chi, mask, (1,), settings))
                flat = np.ptp(chi.voxels[inside]) == 0
                yield from ((key, feature, _why(feature, flat=flat)) for feature in found)
                continue
            except (RegionError, FlatRegionError) as error:
                reason = str(error)
        log.warning("%s, %s, map %s %s: %s", settings.name, name, *key, reason)
        yield from ((key, Feature(*row, np.nan), reason) for row in expected_features(settings))


def _why(feature: Feature, *, flat: bool) -> str:
    if flat and feature.feature_class != "shape":
        return "flat: all values are equal"
    return "" if np.isfinite(feature.value) else "not defined for this region"
