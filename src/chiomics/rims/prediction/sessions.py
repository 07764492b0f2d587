"""Finds the sessions of a folder of derivatives and reads what a detector needs of each.

A session has, on the same voxels: a susceptibility map in ppm (``*_Chimap.nii.gz``), FLAIR (``*_FLAIR.nii.gz``), labels
of its lesions (``*_desc-lesions_dseg.nii.gz``), and labels of normal-appearing white matter and tissue
(``*_desc-nawm_dseg.nii.gz``, ``*_desc-tissue_dseg.nii.gz``). The workflow's own results are such a folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.rims.detectors.lesions import KEYS, Lesions
from chiomics.rims.lesions.files import assemble
from chiomics.rims.lesions.session import SAME_SIZE, read_session, tabulate_session
from chiomics.rims.lesions.table import name_lesions

#: What a session needs, and the pattern of each file's name; of several maps the one of all echoes is taken.
PATTERNS = {
    "chi": ("*_desc-all_Chimap.nii.gz", "*_Chimap.nii.gz"),
    "flair": ("*_space-[Gg][Rr][Ee]_*FLAIR.nii.gz", "*_FLAIR.nii.gz"),
    "labels": ("*_desc-lesions_dseg.nii.gz",),
    "tissue": ("*_desc-tissue_dseg.nii.gz",),
    "white": ("*_desc-nawm_dseg.nii.gz",),
}
WORDS = {
    "chi": "susceptibility map", "flair": "FLAIR on the voxels of the map", "labels": "lesion labels",
    "tissue": "tissue labels", "white": "labels of normal-appearing white matter",
}  # fmt: skip

#: How far the median lesion's mean χ may lie beyond the training's range, in widths of that range: references of maps
#: differ by less than one, and a map in another unit (Hz, rad/s) lies tens of widths away.
FAR = 1.0

log = logging.getLogger(__name__)
Measure = Callable[..., tuple[pd.DataFrame, Any]]


@dataclass(frozen=True)
class SessionFiles:
    """The files of one session.

    Attributes
    ----------
    participant_id, session_id, run : str
        Entities of the folder, and the number of the run; empty where there is none.
    files : dict of str to Path
        By the keys of `PATTERNS`.
    """

    participant_id: str
    session_id: str
    run: str
    files: dict[str, Path]

    @property
    def name(self) -> str:
        """The session's entities."""
        return "_".join(filter(None, (self.participant_id, self.session_id, self.run and f"run-{self.run}")))


def find_sessions(folder: str | Path) -> list[SessionFiles]:
    """Find the sessions that have a susceptibility map below ``sub-*[/ses-*]/anat``.

    Raises
    ------
    InputError
        Where there is none, or a session lacks a file or has several that fit.
    """
    anatomies = sorted(path for path in Path(folder).glob("sub-*/**/anat") if path.is_dir())
    found = [
        _read_folder(path, Path(folder), run)
        for path in anatomies
        for run in sorted({_run_of(file) for file in path.glob(PATTERNS["chi"][-1])})
    ]
    if not found:
        raise InputError("no session has a susceptibility map", file=folder, expected="sub-*/anat/*_Chimap.nii.gz")
    return found


def read_lesions_of(
    session: SessionFiles, card: Mapping[str, Any], measure: Measure, *, resample: bool = False
) -> Lesions | None:
    """Measure the lesions of a session as those that a detector was trained on.

    Patches keep what lies around the lesion, for those who look at them; a detector masks what it must not see.

    Parameters
    ----------
    session : SessionFiles
        Of `find_sessions`.
    card : mapping
        Of the detector: voxel size, patch.
    measure : callable
        Features of the labels of a map, as the detector was trained on: map in ppm, labels, and ``spacing`` of the
        voxels in mm in; a row per label, and what was left out, out (`chiomics.radiomics.lesion_features`).
    resample : bool
        Whether patches are resampled where the voxels differ from the training's by more than a tenth.

    Returns
    -------
    Lesions or None
        None where the session has no lesion.

    Raises
    ------
    InputError
        For another voxel size without `resample`, or a map that is not in ppm or far from the training's.
    """
    files = session.files
    images = read_session(
        files["chi"], files["labels"], tissue=files["tissue"], white=files["white"], flair=files["flair"]
    )
    wanted = np.asarray(card["voxel_size"], float)
    if (np.abs(images.voxel_size / wanted - 1) > SAME_SIZE).any() and not resample:
        raise InputError(
            "the detector was trained on voxels of another size", file=files["chi"],
            found=_size(images.voxel_size), expected=f"{_size(wanted)}, or --resample",
        )  # fmt: skip
    try:
        features, _ = measure(images.chi, images.labels, spacing=images.voxel_size)
    except InputError as error:
        raise InputError(error.problem, file=files["chi"], found=error.found, expected=error.expected) from error
    table, patches = tabulate_session(images, shape=tuple(card["patch"]), surroundings=True, voxel_size=list(wanted))
    if not len(table):
        log.info("%s has no lesion", session.name)
        return None
    _refuse_far(float(table["chi_mean"].median()), card, files["chi"])
    identity = {"participant_id": session.participant_id, "session_id": session.session_id, "run": session.run}
    named = name_lesions(table, identity).assign(simulated=False, consensus=0.0)
    found = assemble(named, features, patches, shape=tuple(card["patch"]))
    return Lesions(found.table, found.features.drop(columns=KEYS), found.patches, found.masks)


def warn_outside(table: pd.DataFrame, card: Mapping[str, Any]) -> pd.Series:
    """Say for every lesion whether its mean χ lies outside what the detector was trained on."""
    low, high = card["chi_mean_range_ppb"]
    return (table["chi_mean"] < low) | (table["chi_mean"] > high)


def _refuse_far(chi: float, card: Mapping[str, Any], file: Path) -> None:
    """Stop where the lesions' χ (ppb) cannot be in the unit of the training."""
    low, high = card["chi_mean_range_ppb"]
    if not low - FAR * (high - low) <= chi <= high + FAR * (high - low):
        raise InputError(
            "the lesions' χ is far from that of the training: is the map in ppm?", file=file,
            found=f"a median of {chi:.4g} ppb over lesions", expected=f"about {low:.0f} to {high:.0f} ppb",
        )  # fmt: skip


def _read_folder(anat: Path, root: Path, run: str) -> SessionFiles:
    parts = anat.relative_to(root).parts[:-1]
    entities = {kind: next((part for part in parts if part.startswith(kind)), "") for kind in ("sub-", "ses-")}
    files = {}
    for kind in PATTERNS:
        matches = _matches(anat, kind, run)
        if len(matches) != 1:
            raise InputError(
                f"a session needs one {WORDS[kind]}", file=anat,
                found=", ".join(path.name for path in matches) or "none", expected=" or ".join(PATTERNS[kind]),
            )  # fmt: skip
        files[kind] = matches[0]
    return SessionFiles(entities["sub-"], entities["ses-"], run, files)


def _matches(anat: Path, kind: str, run: str) -> list[Path]:
    """Return the files of a run that the first fitting pattern finds; where no file names that run, those of none."""
    for pattern in PATTERNS[kind]:
        fitting = sorted(anat.glob(pattern))
        for wanted in dict.fromkeys((run, "")):
            if found := [path for path in fitting if _run_of(path) == wanted]:
                return found
    return []


def _run_of(path: Path) -> str:
    """Return the run in a file's name, an empty string without one."""
    return next((part.removeprefix("run-") for part in path.name.split("_") if part.startswith("run-")), "")


def _size(voxel: Sequence[float]) -> str:
    return " × ".join(f"{edge:.3g}" for edge in voxel) + " mm"
