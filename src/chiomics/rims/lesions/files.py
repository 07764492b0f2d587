"""Sets of lesions on disk: a table, features, patches and masks in one order of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write
from chiomics.core.tables import write_frame
from chiomics.rims.lesions.patches import SHAPE, Patch
from chiomics.rims.lesions.table import LesionSet

#: Columns that name a lesion.
KEYS = ["participant_id", "session_id", "run", "lesion"]
FILES = {"lesions": "lesions.parquet", "features": "features.parquet", "patches": "patches.npy", "masks": "masks.npy"}


def assemble(
    table: pd.DataFrame, features: pd.DataFrame, patches: Sequence[Patch], *, shape: tuple[int, ...] = SHAPE
) -> LesionSet:
    """Put tables and patches of the same lesions together.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per lesion, with `KEYS`.
    features : pandas.DataFrame
        The same rows, feature columns alone.
    patches : sequence of Patch
        In the same order.
    shape : tuple of int
        Of a patch, for a set without lesions.

    Returns
    -------
    LesionSet
        With the keys in both tables.
    """
    keyed = pd.concat([table[KEYS].reset_index(drop=True), features.reset_index(drop=True)], axis=1)
    images = np.stack([patch.images for patch in patches]) if patches else np.zeros((0, 2, *shape), np.float16)
    masks = np.stack([patch.mask for patch in patches]) if patches else np.zeros((0, *shape), np.uint8)
    return LesionSet(table.reset_index(drop=True), keyed, images, masks)


def usable(lesions: LesionSet) -> LesionSet:
    """Return the lesions that detectors can use, those whose ``left_out`` is empty."""
    if "left_out" not in lesions.table:
        return lesions
    kept = (lesions.table["left_out"] == "").to_numpy()
    return LesionSet(
        lesions.table[kept].drop(columns="left_out").reset_index(drop=True),
        lesions.features[kept].reset_index(drop=True),
        lesions.patches[kept],
        lesions.masks[kept],
    )


def write_lesions(lesions: LesionSet, paths: Mapping[str, str | Path]) -> None:
    """Write a set of lesions; `paths` has the keys of `FILES`."""
    write_frame(lesions.table, paths["lesions"])
    write_frame(lesions.features, paths["features"])
    for name in ("patches", "masks"):
        with atomic_write(paths[name]) as temporary, temporary.open("wb") as stream:
            np.save(stream, getattr(lesions, name), allow_pickle=False)


def read_lesions(paths: Mapping[str, str | Path]) -> LesionSet:
    """Read a set of lesions.

    Raises
    ------
    InputError
        Where the four files do not have the same lesions.
    """
    table, features = (pd.read_parquet(paths[name]) for name in ("lesions", "features"))
    patches, masks = (np.load(paths[name], allow_pickle=False) for name in ("patches", "masks"))
    counts = {"lesions": len(table), "features": len(features), "patches": len(patches), "masks": len(masks)}
    if len(set(counts.values())) > 1 or not table[KEYS].equals(features[KEYS]):
        raise InputError(
            "the files of the lesions do not belong together",
            file=paths["lesions"],
            found=", ".join(f"{count} {name}" for name, count in counts.items()),
            expected="the same lesions in the same order",
        )
    return LesionSet(table, features, patches, masks)


def join_lesions(parts: Sequence[LesionSet]) -> LesionSet:
    """Put sets of lesions one after another; a column that one lacks is missing there."""
    return LesionSet(
        pd.concat([part.table for part in parts], ignore_index=True),
        pd.concat([part.features for part in parts], ignore_index=True),
        np.concatenate([part.patches for part in parts]),
        np.concatenate([part.masks for part in parts]),
    )
