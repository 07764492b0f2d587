"""Volumes of interest from label images and masks, under names that every session shares.

A mask is one volume, named by its entities (``hemi-L_label-CST_mask``). A label image (``dseg``) holds several, named
by the table beside it (columns ``index`` and ``abbreviation`` or ``name``; ``hemisphere`` where there are two), or by
their numbers. Overlapping structures, such as tracts, come as one mask each.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError, say_cause
from chiomics.core.space.masks import interpret
from chiomics.radiomics.image_zyx import read_image_zyx
from chiomics.radiomics.region import bounding_box

#: Where a side may stand in a label's name: left thalamus, THA_L, THA-R, lh.thalamus.
_SIDE = re.compile(
    r"^(?:(?P<word>left|right)[ _-]|(?P<free>[lr])h[._-])|[ _-](?:(?P<last>left|right)|(?P<letter>[LR]))$",
    re.IGNORECASE,
)
#: What a file's desc entity says of its source; other label images are the user's own.
SOURCES = ("dgm", "nawm", "tissue", "lesions")
SIDES = ("L", "R")


@dataclass(frozen=True)
class Voi:
    """One volume of interest in one file.

    Parameters
    ----------
    name : str
        E.g. ``CST``, ``THA``, ``NAWM`` or ``lesion12``.
    hemisphere : str
        ``L``, ``R`` or empty.
    source : str
        One of `SOURCES`, ``tracts`` or ``own``.
    path : Path
        The file.
    labels : tuple of int
        Labels of the file that belong to it; empty for every voxel that is not 0.
    """

    name: str
    hemisphere: str
    source: str
    path: Path
    labels: tuple[int, ...] = ()


def find_vois(paths: Iterable[str | Path]) -> list[Voi]:
    """List the volumes that files hold.

    Parameters
    ----------
    paths : iterable of path-like
        Masks and label images, NIfTI.

    Returns
    -------
    list of Voi
        In the order of the files and of their labels.

    Raises
    ------
    InputError
        Where a label table lacks its columns, or two files give a volume of the same name and side.
    """
    vois: list[Voi] = []
    for path in map(Path, paths):
        entities, suffix, _ = parse_name(path.name)
        desc = entities.get("desc", "")
        if suffix == "dseg":
            source = desc if desc in SOURCES else "own"
            vois += _of_labels(path, source)
        else:
            name = entities.get("label") or desc or path.name.partition(".")[0]
            source = desc if desc in SOURCES else "tracts" if "label" in entities else "own"
            name = name.upper() if name in SOURCES else name
            vois.append(Voi(name, entities.get("hemi", ""), source, path))
    taken: dict[tuple[str, str], Path] = {}
    for voi in vois:
        other = taken.setdefault((voi.name, voi.hemisphere), voi.path)
        if other != voi.path:
            raise InputError(
                f"volume {voi.name} {voi.hemisphere}".strip() + " is there twice", file=voi.path, found=str(other)
            )
    return vois


def arrange(vois: list[Voi], hemispheres: str) -> dict[tuple[str, str], list[Voi]]:
    """Group volumes into the regions to extract.

    Parameters
    ----------
    vois : list of Voi
        From `find_vois`.
    hemispheres : {"merged", "separate", "both"}
        Both sides as one region, each on its own, or all three.

    Returns
    -------
    dict of tuple to list of Voi
        Name and hemisphere (``L``, ``R``, ``LR`` for both sides as one, empty for what has no side) to its members.
    """
    regions: dict[tuple[str, str], list[Voi]] = {}
    for voi in vois:
        if voi.hemisphere not in SIDES:
            regions.setdefault((voi.name, voi.hemisphere), []).append(voi)
            continue
        if hemispheres in ("merged", "both"):
            regions.setdefault((voi.name, "LR"), []).append(voi)
        if hemispheres in ("separate", "both"):
            regions.setdefault((voi.name, voi.hemisphere), []).append(voi)
    return regions


def split_side(name: str) -> tuple[str, str]:
    """Split a label's name into the structure and its side, ``L``, ``R`` or empty."""
    match = _SIDE.search(name)
    if match is None:
        return name, ""
    side = next(group for group in match.groups() if group)[0].upper()
    return (name[: match.start()] + name[match.end() :]).strip(" _-."), side


def check_labels(voxels: np.ndarray, path: str | Path | None, *, probabilities: bool = True) -> None:
    """Refuse a file that is no label image: decimals, or labels that an interpolation mixed.

    Parameters
    ----------
    voxels : ndarray
        As stored.
    path : path-like or None
        The file, for the message.
    probabilities : bool
        Whether probabilities pass, for a caller who cuts them: taken as they are, each value is a region of its own.

    Raises
    ------
    InputError
        As `chiomics.core.space.masks.interpret`.
    """
    try:
        _, notes = interpret(voxels[bounding_box(voxels != 0)])  # the background holds nothing to interpret
    except InputError as error:
        raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None
    if not probabilities and notes["Values"] == "probabilities":
        raise InputError(
            "the label image holds probabilities", file=path, found=f"{np.unique(voxels).size} values up to 1",
            expected="labels; cut it first, e.g. where it is above 0.5",
        )  # fmt: skip


def _of_labels(path: Path, source: str) -> list[Voi]:
    table = path.with_name(path.name.partition(".")[0] + ".tsv")
    if source == "own":
        check_labels(read_image_zyx(path).voxels, path)
    if not table.is_file():
        try:
            voxels, _ = interpret(read_image_zyx(path).voxels, keep_number=True)
        except InputError as error:
            raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None
        present = np.unique(voxels[bounding_box(voxels != 0)])
        stem = "lesion" if source == "lesions" else "label"
        return [Voi(f"{stem}{label:g}", "", source, path, (int(label),)) for label in present if label != 0]
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = say_cause(error)
        raise InputError("the table cannot be read", file=table, found=found, expected="UTF-8 TSV") from error
    column = next((key for key in ("index", "label") if rows and key in rows[0]), None)
    if rows and column is None:
        raise InputError(
            "the label table lacks a column", file=table, found=", ".join(rows[0]), expected="index and name"
        )
    named: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            label = int(row[column])
        except (TypeError, ValueError):
            raise InputError(
                f"line {number}: a label is no whole number", file=table, found=f"{column} {row[column]}"
            ) from None
        if label == 0 or row.get("kept") == "0":  # there, and too small to have features
            continue
        stem = row.get("abbreviation") or row.get("name") or f"{'lesion' if source == 'lesions' else 'label'}{label}"
        name, side = split_side(stem)
        side = (row.get("hemisphere") or row.get("hemi") or side)[:1].upper()
        named.setdefault((name, side if side in SIDES else ""), []).append(label)
    return [Voi(name, side, source, path, tuple(labels)) for (name, side), labels in named.items()]
