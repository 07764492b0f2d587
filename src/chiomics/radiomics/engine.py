"""All features of one region of one image, at all grey-level settings, in one call.

What does not depend on the grey levels is done once: shape per mask, neighbours per mask, first-order values per
image. Grey levels that nest are derived from the finest setting; so are their co-occurrence counts, as sums of
blocks, and their zones, which only grow. `chiomics.radiomics.reference` gives the same rows from pyradiomics itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chiomics.radiomics.features import discretise, matrices
from chiomics.radiomics.features.filters import derived_images
from chiomics.radiomics.features.first_order import first_order_features, grey_level_features
from chiomics.radiomics.features.glcm import glcm_features
from chiomics.radiomics.features.ngtdm import ngtdm_features
from chiomics.radiomics.features.shape_2d import shape_features_2d
from chiomics.radiomics.features.sizes import directions_with_pairs, gldm_features, glrlm_features, glszm_features
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.prepare import Prepared, RegionError, bring, resegment
from chiomics.radiomics.region import Neighbours, Region

#: Co-occurrence counts of one setting may not take more memory than this, in bytes.
MAX_COUNTS = 4 << 30


class Feature(NamedTuple):
    """One value: of which grey-level setting (a number of bins or a bin width), image, class and name."""

    setting: float
    image_type: str
    feature_class: str
    feature: str
    value: float


def region_features(image: ImageZYX, prepared: Prepared, settings: Settings) -> Iterator[Feature]:
    """Compute the features of one region of one image.

    Parameters
    ----------
    image : ImageZYX
        Normalised already where that is asked for.
    prepared : Prepared
        The region, from the mask that lies on the same voxels.
    settings : Settings
        What to compute.

    Yields
    ------
    Feature
        For each grey-level setting all features, those that do not depend on it included.

    Raises
    ------
    RegionError
        Where the region's values cannot be used.
    """
    image = bring(image, prepared, settings)
    region, shape_region = resegment(image, prepared, settings)
    once = {"shape": prepared.shape(shape_region)} if "shape" in settings.features else {}
    if "shape2D" in settings.features:
        once["shape2D"] = _flat_shape(shape_region, settings)
    asked = [*settings.gray_levels, *settings.bin_widths]
    for setting in asked:
        for kind, values in once.items():
            for name in settings.features[kind]:
                yield Feature(setting, "original", kind, name, values[name])
    for image_type in settings.image_types:
        own = settings.for_image_type(image_type)
        for name, voxels in derived_images(image, region, image_type, own):
            values = voxels[region.mask]
            if not np.isfinite(values).all():
                raise RegionError(f"{np.count_nonzero(~np.isfinite(values))} voxels of the region are not finite")
            per_setting = [*own.gray_levels, *own.bin_widths]
            for k, classes in enumerate(texture_and_first_order(values, region, own)):
                setting = asked[k] if len(asked) == len(per_setting) else per_setting[k]
                for feature_class in settings.features:
                    for feature in settings.features[feature_class] if feature_class in classes else ():
                        yield Feature(setting, name, feature_class, feature, classes[feature_class][feature])


def _flat_shape(region: Region, settings: Settings) -> dict:
    if settings.flat_axis is None or region.mask.shape[settings.flat_axis] != 1:
        found = "x".join(str(edge) for edge in region.mask.shape[::-1])
        raise RegionError(f"shape2D is for a region of one slice: it is {found} voxels")
    return shape_features_2d(region, settings.flat_axis)


def texture_and_first_order(values: np.ndarray, region: Region, settings: Settings) -> list[dict[str, dict]]:
    """Compute first-order and texture features, per grey-level setting in the order asked for.

    Parameters
    ----------
    values : ndarray, shape (voxels,)
        The image in the region, in raster order.
    region : Region
        The region.
    settings : Settings
        Grey levels and classes.

    Returns
    -------
    list of dict
        Feature class to feature to value.
    """
    asked = [("count", n) for n in settings.gray_levels] + [("width", w) for w in settings.bin_widths]
    order = sorted(range(len(asked)), key=lambda k: -asked[k][1] if asked[k][0] == "count" else asked[k][1])
    results: list[dict] = [{} for _ in asked]
    constant = {}
    if "firstorder" in settings.features:
        volume = float(np.multiply.reduce(region.spacing[::-1]))
        constant = first_order_features(values, volume, shift=float(settings.get("voxelArrayShift")))
    matrix = Matrices(region, settings)
    for k in order:
        kind, size = asked[k]
        edges = discretise.count_edges(values, size) if kind == "count" else discretise.width_edges(values, size)
        matrix.discretise(values, edges)
        results[k] = matrix.features()
        if "firstorder" in settings.features:
            number = np.bincount(matrix.grey.rank[:-1], minlength=matrix.grey.levels.size + 1)[1:]
            results[k] = {"firstorder": {**constant, **grey_level_features(number)}, **results[k]}
    return results


class Matrices:
    """The matrices of one region, carried from a finer grey-level setting to a coarser one where they nest."""

    def __init__(self, region: Region, settings: Settings) -> None:
        self.region = region
        self.settings = settings
        self.wanted = settings.features
        self.adjacent = region.neighbours((1,), settings.flat_axis)
        self.near = region.neighbours(tuple(settings.get("distances")), settings.flat_axis)
        self.grey: discretise.GreyLevels | None = None

    def discretise(self, values: np.ndarray, edges: np.ndarray) -> None:
        """Set the grey levels, from the previous ones where these hold all edges."""
        coarse = discretise.coarsen(self.grey, edges) if self.grey is not None else None
        if coarse is None:
            self.grey = discretise.discretise(values, edges)
            finer = np.zeros(1, dtype=np.int32)
            self.forest = np.arange(self.region.n_voxels, dtype=np.int32)
        else:
            finer = self.grey.rank
            self.grey, starts = coarse
        pairs = self._pass(self.near, count_pairs=coarse is None and "glcm" in self.wanted)
        if "glcm" in self.wanted:
            self.pairs = pairs if coarse is None else matrices.merge_levels(self.pairs, starts)
        if "glszm" in self.wanted:
            matrices.zones(self.grey.rank, self.adjacent.table, self.forest, finer)

    def features(self) -> dict[str, dict]:
        """Compute the classes that are wanted."""
        levels = self.grey.levels
        classes = {}
        if "glcm" in self.wanted:
            pairs = self._weighted(self.pairs, self.near.offsets, decaying=True)
            classes["glcm"] = glcm_features(
                pairs, levels, symmetrical=self.settings.get("symmetricalGLCM"), mcc="MCC" in self.wanted["glcm"]
            )
        if "gldm" in self.wanted:
            classes["gldm"] = gldm_features(self.dependence, levels)
        if "ngtdm" in self.wanted:
            number = self.dependence.sum(axis=1)
            if self.settings.isolated_voxels == "ibsi":
                number = number - self.isolated
            classes["ngtdm"] = ngtdm_features(number, self.difference, levels)
        if "glrlm" in self.wanted:
            runs = self.runs
            valid = directions_with_pairs(self.adjacent.table, self.region.mask, self.adjacent.offsets)
            if self.settings.get("weightingNorm") is not None:
                runs = self._weighted(runs * valid[:, None, None], self.adjacent.offsets, decaying=False)
                valid = runs.any(axis=(1, 2))
            classes["glrlm"] = glrlm_features(runs, levels, valid)
        if "glszm" in self.wanted:
            classes["glszm"] = glszm_features(*matrices.zone_sizes(self.grey.rank, self.forest), levels)
        return {name: features for name, features in classes.items() if name in self.wanted}

    def _pass(self, near: Neighbours, *, count_pairs: bool) -> np.ndarray:
        """Set the matrices of the neighbours at the distances asked for, and the runs, and return the pairs."""
        n_levels = self.grey.levels.size
        needed = 4 * len(near.offsets) * n_levels**2 * count_pairs
        if needed > MAX_COUNTS:
            raise RegionError(f"{n_levels} grey levels would take {needed / 2**30:.0f} GiB: the bins are too narrow")
        tolerance, longest = float(self.settings.get("gldm_a")), max(self.region.mask.shape)
        given = (self.grey.rank, near.table, near.number, self.grey.levels, tolerance, longest, count_pairs)
        pairs, self.runs, self.dependence, self.difference, self.isolated = matrices.texture_matrices(*given)
        if self.adjacent is not near and "glrlm" in self.wanted:
            adjacent = (self.grey.rank, self.adjacent.table, self.adjacent.number, *given[3:6], False)
            self.runs = matrices.texture_matrices(*adjacent)[1]
        return pairs

    def _weighted(self, counts: np.ndarray, offsets: np.ndarray, *, decaying: bool) -> np.ndarray:
        """Sum over the directions, weighted by their length in mm, where asked for."""
        norm = self.settings.get("weightingNorm")
        if norm is None:
            return counts
        steps = np.abs(offsets) * np.array(self.region.spacing)
        lengths = {
            "infinity": steps.max(axis=1),
            "euclidean": np.sqrt((steps**2).sum(axis=1)),
            "manhattan": steps.sum(axis=1),
        }.get(norm)
        weights = np.ones(len(offsets)) if lengths is None else np.exp(-(lengths**2)) if decaying else lengths
        return np.tensordot(weights, counts, axes=(0, 0))[None]
