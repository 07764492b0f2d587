"""Say what a session without usable input holds, and what to do about it."""

from __future__ import annotations

from pathlib import Path

from chiomics.index.names import IMAGES, NamedFile, is_misnamed, read_gre

#: What a χ map can come from.
EXPECTED = (
    "part-mag and part-phase MEGRE of each echo (or part-real and part-imag, or phasediff and magnitude1, or a "
    "fieldmap in Hz and its magnitude), or a Chimap below derivatives/"
)
#: What becomes of images that hold phase, but are not read, by suffix in lower case.
_PHASE_ELSEWHERE = {
    "bold": "phase of EPI (bold) is not read: its distortions and one late echo give no χ map; export the GRE",
    "sbref": "phase of EPI (sbref) is not read; export the GRE",
    "epi": "an EPI field map (fmap/epi) holds no phase; export the GRE field map or a multi-echo GRE",
}


def describe_session(files: list[NamedFile], folders: list[str], bids_dir: str) -> tuple[str, str]:
    """Describe a session that has neither GRE nor a χ map.

    Parameters
    ----------
    files : list of NamedFile
        Its raw files.
    folders : list of str
        Its folders that are not looked into, e.g. ``sub-01/func/``.
    bids_dir : str
        The BIDS folder.

    Returns
    -------
    found, expected : str
        For the reason in the manifest.
    """
    images = [file for file in files if file.path.lower().endswith(IMAGES)]
    misnamed = [file.path for file in images if is_misnamed(file)]
    kinds = sorted({file.suffix for file in images if not is_misnamed(file)})
    others = sorted({folder.rstrip("/").rsplit("/", 1)[-1] for folder in folders} - {""})
    others = [name for name in others if not name.startswith(("ses-", "sub-"))]
    said = [", ".join(kinds)] if kinds else []
    said += [f"{len(misnamed)} images whose name is not BIDS ({misnamed[0]})"] if misnamed else []
    said += [f"folders that are not looked into: {', '.join(others)}"] if others else []
    hints = {_PHASE_ELSEWHERE[kind.lower()] for kind in kinds if kind.lower() in ("epi",)}
    names = [name.split(".")[0] for folder in folders for name in _names(bids_dir, folder) if "_part-phase" in name]
    hints |= {_PHASE_ELSEWHERE[suffix] for suffix in ("bold", "sbref") if any(n.endswith(f"_{suffix}") for n in names)}
    others = sorted({image.variant for file in images if (image := read_gre(file)) is not None})
    if others:
        hints.add(f"GRE of another acquisition than the one that is used: {', '.join(others)} (index.acquisition)")
    unread = [
        file.path for file in images if "phase" in file.path.rsplit("/", 1)[-1].lower() and read_gre(file) is None
    ]
    if unread:
        hints.add(f"{unread[0]} seems to hold phase; its suffix {unread[0].rsplit('_', 1)[-1]} is not one that is read")
    found = "; ".join([" and ".join(said) or "no image", *sorted(hints)])
    return found, EXPECTED


def _names(bids_dir: str, folder: str) -> list[str]:
    try:
        return sorted(path.name for path in Path(bids_dir, folder).iterdir()) if bids_dir else []
    except OSError:
        return []
