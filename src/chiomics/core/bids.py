"""BIDS names: read the entities of a file name, and build the name of a derivative."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

#: Order of the entities in a file name (BIDS 1.10, with those of derivatives).
ENTITY_ORDER = (
    "sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part", "coil",
    "hemi", "space", "res", "den", "label", "desc",
)  # fmt: skip

#: What `space-` may say for each image of a session, without case.
SPACES = {
    "T1w": ("t1w", "t1", "mprage", "anat", "unit1"),
    "FLAIR": ("flair", "t2flair"),
    "GRE": ("gre", "megre", "mege", "t2starw", "t2star", "magnitude", "mag", "qsm", "swi", "chimap"),
}
#: What `space-` says of an image that stays on a grid of its session: which, its grid says.
OF_SESSION = frozenset(("orig", "native", "individual", "subject"))

_ENTITY = re.compile(r"([a-zA-Z]+)-([a-zA-Z0-9+]+)(?:_|$)")


def parse_name(file_name: str) -> tuple[dict[str, str], str, str]:
    """Split a BIDS file name.

    Parameters
    ----------
    file_name : str
        Without folders, e.g. ``sub-01_echo-1_part-mag_MEGRE.nii.gz``.

    Returns
    -------
    entities : dict of str to str
        In the order of the name; empty where the name is not BIDS.
    suffix : str
        E.g. ``MEGRE``.
    extension : str
        With its dot, e.g. ``.nii.gz``.
    """
    whose, _, rest = file_name.partition("_")
    first = _ENTITY.fullmatch(whose) if rest else None
    if first is None:
        entities, suffix, extension = _parse_rest(file_name)
        return dict(entities or ()), suffix, extension
    entities, suffix, extension = _parse_rest(rest)
    return ({} if entities is None else {first[1]: first[2], **dict(entities)}), suffix, extension


@functools.lru_cache(maxsize=4096)
def _parse_rest(name: str) -> tuple[tuple[tuple[str, str], ...] | None, str, str]:
    """Split what stands behind the first pair, alike for all participants; no entities where it is not BIDS."""
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    matches = [_ENTITY.fullmatch(pair) for pair in pairs]
    if any(match is None for match in matches):
        return None, suffix, dot + extension
    return tuple((match[1], match[2]) for match in matches if match), suffix, dot + extension


def build_name(suffix: str, extension: str = ".nii.gz", **entities: str | int | None) -> str:
    """Build a BIDS file name; entities that are None or empty are left out.

    Parameters
    ----------
    suffix, extension : str
        E.g. ``Chimap`` and ``.nii.gz``.
    **entities
        E.g. ``sub="01", run=2``; any order.

    Returns
    -------
    str
        The file name, entities in BIDS order.

    Raises
    ------
    ValueError
        For an entity that BIDS does not know, or one that names a folder.
    """
    unknown = set(entities) - set(ENTITY_ORDER)
    if unknown:
        raise ValueError(f"not BIDS entities: {sorted(unknown)}")
    if leading := [str(value) for value in entities.values() if "/" in str(value)]:
        raise ValueError(f"an entity names a folder: {leading}")
    pairs = [f"{key}-{entities[key]}" for key in ENTITY_ORDER if entities.get(key) not in (None, "")]
    return "_".join([*pairs, suffix]) + extension


def space_named(path: str | Path) -> str:
    """Tell on which image a file says it was drawn: ``T1w``, ``FLAIR``, ``GRE``, another word as it is, or nothing."""
    name = os.fspath(path).rpartition("/")[2]
    match = re.search(r"(?:^|_)space-([A-Za-z0-9+]+)", name)
    if match and match[1].lower() in OF_SESSION:
        return ""
    words = [match[1]] if match else [word for word in name.partition(".")[0].split("_")[:-1] if "-" not in word]
    for word in words:
        for image, spellings in SPACES.items():
            if word.lower() in spellings:
                return image
    return words[0] if match else ""


def bare_name(name: str) -> str:
    """Return the name of a participant or session as spreadsheets leave it: no prefix, no leading zeros, no case."""
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"^(sub|ses|run)-", "", str(name).strip().casefold()))
