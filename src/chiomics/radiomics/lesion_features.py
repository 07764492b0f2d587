"""Features of many small labels of one map as a table with a row per label, for detectors that read one vector each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.radiomics.engine import region_features
from chiomics.radiomics.extraction import expected_features, in_unit
from chiomics.radiomics.features.discretise import FlatRegionError
from chiomics.radiomics.image_zyx import as_image
from chiomics.radiomics.parameters import load_settings
from chiomics.radiomics.prepare import RegionError, prepare

#: Voxels around a label that its filters see: more than the reach of the wavelet, so that nothing changes.
MARGIN = 8
#: Standard deviation of a map in ppm: tissue has some hundredths; in ppb it would have tens, in fractions of 1 less.
MIN_PPM, MAX_PPM = 1e-4, 2.0


def label_features(
    chi: np.ndarray, labels: np.ndarray, *, spacing: Sequence[float], preset: str = "zhang527"
) -> tuple[pd.DataFrame, dict[int, str]]:
    """Extract the features of every label of a susceptibility map.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        In ppm; extracted in the unit of the preset, ppb for ``zhang527``.
    labels : ndarray of int, shape (x, y, z)
        Labels from 1.
    spacing : sequence of 3 floats
        Voxel size in mm.
    preset : str
        With one setting of grey levels, and original and wavelet images only.

    Returns
    -------
    features : pandas.DataFrame
        A row per label in rising order, index ``lesion``; columns ``image_class_feature``, float64. A label without
        values has NaN.
    reasons : dict of int to str
        Why a label has no values.

    Raises
    ------
    InputError
        Where the map is not in ppm.
    """
    settings = load_settings(preset)
    found = {number: box for number, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None}
    known = chi[chi != 0]
    spread = (float(np.std(known)) if known.size else 0.0) if found else MIN_PPM
    if not MIN_PPM <= spread <= MAX_PPM:
        raise InputError(
            "the susceptibility map is not in ppm",
            found=f"values with a standard deviation of {spread:.3g}",
            expected=f"{MIN_PPM} to {MAX_PPM} ppm",
        )
    names = ["_".join(key[1:]) for key in expected_features(settings)]
    rows, reasons = np.full((len(found), len(names)), np.nan), {}
    for row, (number, box) in enumerate(found.items()):
        piece = tuple(_with_margin(side, size) for side, size in zip(box, chi.shape, strict=True))
        mask = as_image((labels[piece] == number).astype(np.uint8), tuple(spacing))
        image = in_unit(as_image(chi[piece].astype(np.float64), tuple(spacing)), settings, "ppm")
        try:
            rows[row] = [feature.value for feature in region_features(image, prepare(mask, (1,), settings), settings)]
        except (RegionError, FlatRegionError) as error:
            reasons[number] = str(error)
    frame = pd.DataFrame(rows, columns=names, index=pd.Index(list(found), name="lesion"))
    return frame, reasons


def _with_margin(side: slice, size: int) -> slice:
    """Widen one side of a box; to the whole axis where the margin leaves the image, whose edge is periodic."""
    first, last = side.start - MARGIN, side.stop + MARGIN
    return slice(first, last) if first >= 0 and last <= size else slice(0, size)
