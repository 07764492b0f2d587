"""Sidecars of label images and masks: what their values mean, what they were made from, and by which version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.core.provenance import generated_by
from chiomics.core.stage_versions import stage_version

#: What a label image holds.
DESCRIPTIONS = {
    "tissue": "Tissue",
    "lesions": "White-matter lesions, each with a number of its own",
    "dgm": "Deep grey nuclei",
    "nawm": "Normal-appearing white matter: where lesions were looked for and none is",
}
#: Parts of a session's sidecar that say how a label image came about.
HOW = {"tissue": ("Segmentation", "Tissue"), "lesions": ("Segmentation", "Lesions"), "dgm": ("Nuclei",),
       "nawm": ("Regions",)}  # fmt: skip


def made_by() -> dict[str, Any]:
    """Say what made a result of the stage."""
    return {"GeneratedBy": generated_by(), "StageVersion": stage_version("anatomy")}


def describe_labels(name: str, table: pd.DataFrame, sidecar: Mapping) -> dict[str, Any]:
    """Describe a label image.

    Parameters
    ----------
    name : {"tissue", "lesions", "dgm", "nawm"}
        Which.
    table : pandas.DataFrame
        Its labels, with ``index``, ``name``.
    sidecar : mapping
        Of the session, see `chiomics.anatomy.session.regions.SessionRegions`.

    Returns
    -------
    dict
        ``Description``, ``Levels`` (the meaning of each value), ``Manual``, ``SpatialReference``, ``Sources``, how it
        came about, and what made it.
    """
    how: Any = sidecar
    for key in HOW[name]:
        how = how.get(key, {})
    levels = {"0": "none of these"}
    if name != "lesions":
        levels |= {str(row["index"]): row["name"] for row in table.to_dict("records")}
    drawn = "DrawnOn" in how or "File" in how
    fields = {"Description": DESCRIPTIONS[name], "Type": "Lesion" if name == "lesions" else "ROI", "Units": "label"}
    fields |= {"Levels": levels, "Manual": drawn, "Method": how} | _common(sidecar)
    return fields | made_by()


def describe_tract(key: str, table: pd.DataFrame, sidecar: Mapping) -> dict[str, Any]:
    """Describe the mask of a tract.

    Parameters
    ----------
    key : str
        End of its name, e.g. ``hemi-L_label-CST_mask``.
    table : pandas.DataFrame
        Its row.
    sidecar : mapping
        Of the session.

    Returns
    -------
    dict
        As of `describe_labels`, with the route that the tract was found by.
    """
    side, tract = (part.partition("-")[2] for part in key.split("_")[:2])
    traced = f"{side} {tract}" in sidecar.get("TracedTracts", {}).get("Traced", ())
    how = dict(sidecar.get("TracedTracts" if traced else "Tracts", {}))
    name = next(iter(table["name"]), f"{tract}, {side}")
    fields = {"Description": name, "Type": "ROI", "Units": "1", "Levels": {"0": "outside", "1": name}}
    return fields | {"Manual": False, "Method": how} | _common(sidecar) | made_by()


def _common(sidecar: Mapping) -> dict[str, Any]:
    return {name: sidecar[name] for name in ("SpatialReference", "Sources") if name in sidecar}
