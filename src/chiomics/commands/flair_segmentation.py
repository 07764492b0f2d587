"""A session's images from the folder that the anatomy stage keeps of it, in training and at another site."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from chiomics.anatomy import files as kept
from chiomics.anatomy.tissue.ventricles import template_ventricles
from chiomics.core.space.template import template_priors
from chiomics.flair.images.head import read_head
from chiomics.flair.images.prepare import Prepared, prepare_session
from chiomics.flair.images.slices import find_level, slice_levels

NAMES = {
    "FLAIR": kept.FLAIR,
    "brain": kept.BRAIN,
    "tissue": kept.TISSUE,
    "lesions": kept.LESIONS,
    "sidecar": kept.SIDECAR,
    "to_template": kept.TO_TEMPLATE,
    "FLAIR_to_anatomy": kept.FLAIR_TO_ANATOMY,
    "to_GRE": kept.TO_GRE,
}


@cache
def template_levels() -> tuple[float, ...]:
    """Return the template z of the five slices in mm, the third where the template's lateral ventricles are largest."""
    return tuple(slice_levels(find_level(template_ventricles(template_priors(1.0)["CSF"]))))


def prepare_segmentation(
    folder: str | Path, about: Mapping[str, object], *, edge: int, pixels: int
) -> tuple[Prepared, dict]:
    """Make the images of both papers from the folder of a session's segmentation.

    Parameters
    ----------
    folder : path-like
        Of the anatomy stage.
    about, edge, pixels
        Of `prepare_session`.

    Returns
    -------
    prepared, record
        Of `prepare_session`.

    Raises
    ------
    InputError
        Where the session has no FLAIR, nobody knows its lesions, or its FLAIR cannot be scaled.
    """
    return prepare_session(read_head(folder, NAMES), about, levels=template_levels(), edge=edge, pixels=pixels)
