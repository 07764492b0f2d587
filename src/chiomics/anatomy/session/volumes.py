"""Volumes of a session's regions, and of its brain with and without fluid, to which they can be related."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.anatomy.session.vois import Regions
from chiomics.anatomy.tissue.tissue import FLUID, VENTRICLES
from chiomics.core.space.volume import Volume

#: Columns of a session's table; the last two are the same in every row.
COLUMNS = ("voi", "hemisphere", "n_voxels", "volume_mm3", "kept", "reason", "parenchyma_mm3", "brain_mm3")
TOTALS = ("parenchyma_mm3", "brain_mm3")


def brain_volumes(tissue: Volume) -> dict[str, float]:
    """Measure the whole brain, best on the T1w image, whose field of view holds all of it.

    Parameters
    ----------
    tissue : Volume
        Labels of `chiomics.anatomy.tissue.tissue.CLASSES`.

    Returns
    -------
    dict of str to float
        In mm³: ``parenchyma_mm3`` without and ``brain_mm3`` with fluid.
    """
    brain = tissue.voxels > 0
    fluid = np.isin(tissue.voxels, (FLUID, VENTRICLES))
    return {
        "parenchyma_mm3": float((brain & ~fluid).sum() * tissue.voxel_volume),
        "brain_mm3": float(brain.sum() * tissue.voxel_volume),
    }


def session_volumes(regions: Regions, totals: dict[str, float]) -> pd.DataFrame:
    """List the volumes of a session: nuclei and tracts left, right and merged, lesions, white matter, tissue.

    Parameters
    ----------
    regions : Regions
        From `chiomics.anatomy.session.vois.assemble_regions`.
    totals : dict of str to float
        From `brain_volumes`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; ``hemisphere`` is ``LR`` for both sides as one, whose voxels count once where sides overlap. A side
        that was dropped has no part in it.
    """
    rows, sides = [], {}
    for key, table in regions.tables.items():
        image = regions.images[key]
        for row in table.to_dict("records"):
            hemisphere = row["hemisphere"]
            voi = row["abbreviation"].removesuffix(f"_{hemisphere}")
            rows.append((voi, *(row[column] for column in COLUMNS[1:-2])))
            if hemisphere and row["kept"]:
                sides.setdefault(voi, []).append((image, row["index"]))
    for voi, members in sides.items():
        merged = np.logical_or.reduce([image.voxels == label for image, label in members])
        count, one_sided = int(merged.sum()), len(members) == 1
        volume = count * members[0][0].voxel_volume
        rows.append((voi, "LR", count, volume, True, "one side only" if one_sided else ""))
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-2])).astype({"kept": bool})
    return table.assign(**{name: float(totals[name]) for name in TOTALS})
