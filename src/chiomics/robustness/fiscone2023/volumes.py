"""Volumes of the regions, adjusted to the size of the brain in proportion.

An adjusted volume is the region's share of the brain times the cohort's mean brain volume, so that it stays in mm³
(proportional method; Sanchis-Segura et al., Biology of Sex Differences 10:32, 2019). Fiscone et al. (2023, Fig 4) take
the total brain volume, without saying how they measured it. Here it is grey and white matter on the T1w image, which
shows the whole brain; the gradient echo may be a slab, and its brain mask stands in only without a T1w. Sessions that
are measured in different ways are related to the mean of their own kind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.features.columns import SESSION
from chiomics.core.images import read_image

#: What a session's volumes are divided by; the last where the cohort has neither of the others nor white matter.
BY_ANATOMY, BY_MASK, BY_SUM = "grey and white matter on the T1w", "brain mask on the GRE", "sum of the regions"
#: Column of the anatomy stage's table of volumes: the brain without fluid, in mm³.
PARENCHYMA = "parenchyma_mm3"


def brain_volumes_of_anatomy(tables: pd.DataFrame) -> pd.DataFrame:
    """Take brain volumes from what the anatomy stage measured on T1w images.

    Parameters
    ----------
    tables : pandas.DataFrame
        Columns participant, session, run and path, of that stage's tables of volumes.

    Returns
    -------
    pandas.DataFrame
        participant, session, run, brain_volume in mm³ and adjusted_by.

    Raises
    ------
    InputError
        Where a table does not hold one positive volume.
    """
    volumes = []
    for path in tables["path"]:
        frame = pd.read_csv(path, sep="\t")
        found = frame[PARENCHYMA].unique() if PARENCHYMA in frame else []
        if len(found) != 1 or not found[0] > 0:
            raise InputError(
                "a brain volume", file=path, found=", ".join(map(str, found)) or f"no {PARENCHYMA}",
                expected="a positive number of mm³",
            )  # fmt: skip
        volumes.append(float(found[0]))
    return tables[list(SESSION)].assign(brain_volume=volumes, adjusted_by=BY_ANATOMY)


def brain_volumes_of_masks(masks: pd.DataFrame) -> pd.DataFrame:
    """Take brain volumes from masks on the gradient echo; parameters and result as of `brain_volumes_of_anatomy`."""
    volumes = []
    for path in masks["path"]:
        voxels, affine = read_image(path)
        volumes.append(np.count_nonzero(voxels) * abs(np.linalg.det(affine[:3, :3])))
    return masks[list(SESSION)].assign(brain_volume=volumes, adjusted_by=BY_MASK)


def adjust_volumes(volumes: pd.DataFrame, brain_volumes: pd.DataFrame | None, *, whole: str) -> pd.DataFrame:
    """Adjust volumes of regions in proportion to the brain.

    Parameters
    ----------
    volumes : pandas.DataFrame
        Columns participant, session, run, group, voi, hemisphere and volume in mm³.
    brain_volumes : pandas.DataFrame, optional
        participant, session, run, brain_volume in mm³ and adjusted_by. Without it a session is adjusted by its region
        `whole`, or by the sum of its regions where it has none: that is said in the column `adjusted_by`.
    whole : str
        The region that is no tract.

    Returns
    -------
    pandas.DataFrame
        The table ``volumes.tsv``.

    Raises
    ------
    InputError
        Where a session has no brain volume.
    """
    if brain_volumes is None:
        one_side = volumes[~volumes["hemisphere"].isin(["L", "R"])] if len(volumes) else volumes
        one_side = one_side if len(one_side) else volumes
        instead = one_side[one_side["voi"] == whole]
        by = f"volume of {whole}" if set(instead["participant"]) == set(volumes["participant"]) else BY_SUM
        chosen = instead if by != BY_SUM else one_side
        brain_volumes = chosen.groupby(list(SESSION))["volume"].sum().rename("brain_volume").reset_index()
        brain_volumes["adjusted_by"] = by
    frame = volumes.merge(brain_volumes, on=list(SESSION), how="left")
    if (lacking := frame["brain_volume"].isna()).any():
        raise InputError(
            "a session has no brain volume", found=", ".join(frame.loc[lacking, list(SESSION)].iloc[0]),
            expected="one per session",
        )  # fmt: skip
    means = frame.drop_duplicates(list(SESSION)).groupby("adjusted_by")["brain_volume"].mean()
    frame["volume_adjusted"] = frame["volume"] / frame["brain_volume"] * frame["adjusted_by"].map(means).astype(float)
    return frame
