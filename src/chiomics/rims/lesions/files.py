"""Sets of lesions on disk: a table, features, patches and masks in one order of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def read_lesions(paths: Mapping[str, str | Path], *, mapped: bool = False) -> LesionSet:
    """Read a set of lesions; `mapped` leaves patches and masks on the disk until a lesion of them is asked for.

    Raises
    ------
    InputError
        Where the four files do not have the same lesions.
    """
    table, features = (pd.read_parquet(paths[name]) for name in ("lesions", "features"))
    mode = "r" if mapped else None
    patches, masks = (np.load(paths[name], mmap_mode=mode, allow_pickle=False) for name in ("patches", "masks"))
    counts = {"lesions": len(table), "features": len(features), "patches": len(patches), "masks": len(masks)}
    if len(set(counts.values())) > 1 or not table[KEYS].equals(features[KEYS]):
        raise InputError(
            "the files of the lesions do not belong together",
            file=paths["lesions"],
            found=", ".join(f"{count} {name}" for name, count in counts.items()),
            expected="the same lesions in the same order",
        )
    return LesionSet(table, features, patches, masks)


def gather_lesions(parts: Sequence[Mapping[str, str | Path]], paths: Mapping[str, str | Path]) -> LesionSet:
    """Write the sets of many sessions as one, a session's patches at a time.

    Parameters
    ----------
    parts : sequence of mapping
        Paths of the sets, with the keys of `FILES`.
    paths : mapping
        Those of the whole.

    Returns
    -------
    LesionSet
        The whole, its patches and masks on the disk; a column that a set lacks is missing there.
    """
    tables, features, shapes, kinds = [], [], set(), set()
    for part in parts:
        one = read_lesions(part)
        tables.append(one.table)
        features.append(one.features)
        shapes.add((one.patches.shape[1:], one.masks.shape[1:]))
        kinds.add((one.patches.dtype, one.masks.dtype))
    if len(shapes) > 1 or len(kinds) > 1:
        said = "; ".join(" and ".join(map(str, pair)) for pair in sorted(shapes))
        raise InputError("patches and masks of several sizes", found=said, expected="one setting for all sessions")
    write_frame(pd.concat(tables, ignore_index=True), paths["lesions"])
    write_frame(pd.concat(features, ignore_index=True), paths["features"])
    count = sum(map(len, tables))
    for name, shape, kind in zip(("patches", "masks"), *shapes, *kinds, strict=True):
        with atomic_write(paths[name]) as temporary:
            _write_array(temporary, kind, (count, *shape), (np.load(part[name], allow_pickle=False) for part in parts))
    return read_lesions(paths, mapped=True)


def _write_array(path: Path, kind: np.dtype, shape: tuple[int, ...], parts: Iterable[np.ndarray]) -> None:
    """Write arrays one after another as one NumPy file."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part, dtype=kind).tobytes())
