"""Volumes of the regions, adjusted to the size of the brain in proportion.

An adjusted volume is the region's share of the brain times the cohort's mean brain volume, so that it stays in mm³
(proportional method; Sanchis-Segura et al., Biology of Sex Differences 10:32, 2019).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.images import read_image
from chiomics.robustness.feature_tables import SESSION

#: What a session's volumes are divided by where no brain volumes are given.
BY_TABLE, BY_MASK, BY_SUM = "brain volume given", "voxels of the brain mask", "sum of the regions"


def brain_volumes_of_masks(masks: pd.DataFrame) -> pd.DataFrame:
    """Take brain volumes from masks.

    Parameters
    ----------
    masks : pandas.DataFrame
        Columns participant, session, run and path.

    Returns
    -------
    pandas.DataFrame
        participant, session, run, brain_volume in mm³ and adjusted_by.
    """
    volumes = []
    for path in masks["path"]:
        voxels, affine = read_image(path)
        volumes.append(np.count_nonzero(voxels) * abs(np.linalg.det(affine[:3, :3])))
    return masks[list(SESSION)].assign(brain_volume=volumes, adjusted_by=BY_MASK)


def read_brain_volumes(path: str | Path) -> pd.DataFrame:
    """Read brain volumes in mm³ from a tab-separated table.

    Raises
    ------
    InputError
        Where a column is missing, or a volume is not a positive number.
    """
    frame = pd.read_csv(path, sep="\t", dtype=dict.fromkeys(SESSION, str), keep_default_na=False)
    for name in ("session", "run"):
        frame[name] = frame.get(name, "")
    if lacking := {"participant", "brain_volume"} - set(frame):
        raise InputError("the table lacks columns", file=path, found=", ".join(frame), expected=", ".join(lacking))
    frame["brain_volume"] = pd.to_numeric(frame["brain_volume"], errors="coerce")
    if not (bad := frame[~(frame["brain_volume"] > 0)]).empty:
        raise InputError(
            "a brain volume", file=path, found=f"{bad.iloc[0].to_dict()}", expected="a positive number of mm³"
        )
    return frame[[*SESSION, "brain_volume"]].assign(adjusted_by=BY_TABLE)


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
    each = frame.drop_duplicates(list(SESSION))
    frame["volume_adjusted"] = frame["volume"] / frame["brain_volume"] * each["brain_volume"].mean()
    return frame
