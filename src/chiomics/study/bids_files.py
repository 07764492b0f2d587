"""What makes the results a BIDS derivative: source, README, and what its names do not cover yet.

Everything that BIDS names for derivatives follows it; `IGNORED` lists the rest with its reasons, for BIDS validators.
"""

from __future__ import annotations

import json
from pathlib import Path

from chiomics.core.origin import say_origin

#: Patterns of files that validators pass over, by reason.
IGNORED: dict[str, tuple[str, ...]] = {
    "results of the cohort, pictures, pages, logs and models, which are no participant's files": (
        *("index.html", "methods.*", "/attic", "/anatomy", "/atlases", "/benchmarks", "/diagnosis", "/flair", "/logs"),
        *("/papers", "/qc", "/radiomics", "/rims", "/robustness", "/site", "report.html"),
    ),
    "a data set of its own: the simulated cohort": ("/phantom",),
    "what was read, and whom each result holds": ("manifest.*", "members.*", "lesions.json"),
    "BIDS has no suffix and no folder for features, yet": ("sub-*/**/radiomics",),
    "nor for patches and features of lesions": ("sub-*/**/rims",),
    "nor for how a whole session was segmented": ("*_anatomy.json", "*_segmentation"),
    "nor for tables of volumes and of consistency, and for the reference of a map": (
        *("*_volumes.tsv", "*_consistency.tsv", "*_reference.json", "desc-anatomy_*.json"),
    ),
    "nor for the weights of a dipole inversion": ("*_weights.*",),
    "fieldmap is a suffix of raw field maps in fmap/ alone; the local field of an echo set lies beside its map": (
        "*_fieldmap.*",
    ),
    "hemi is an entity of surfaces; each tract of each side has a mask, since they overlap": ("*_hemi-*_mask.*",),
    "files in the making, and records of this program": (
        ".sub-*",
        "/.code_versions.json",
        "/.echo_sets.json",
        "/.members.json",
    ),
}
README = """\
Susceptibility maps (QSM), regions and radiomic features, made by chiomics as a BIDS derivative. {origin}

index.html          open this first: the cohort, every session with its volumes, verdicts, papers
methods.md          what was done, with versions, parameters and citations (methods.bib)
manifest.tsv        every session with its inputs, and why some were left out
sub-*/[ses-*/]anat  susceptibility in ppm (Chimap), local field in ppm (fieldmap), R2* in 1/s, masks and regions
papers/             tables and figures of the studies

Sidecars say how each file was made. "bids::" in Sources is this folder, "bids:raw:" the data set that was read. What
BIDS has no name for yet stands in .bidsignore with its reason.
"""


def source_datasets(dataset: str | Path) -> list[dict[str, str]]:
    """Say which data set was read, as ``SourceDatasets`` has it.

    Parameters
    ----------
    dataset : path-like
        Its root; its ``dataset_description.json`` may give ``DatasetDOI``, ``Version`` or nothing.

    Returns
    -------
    list of dict
        One entry with ``URL`` (the BIDS URI of its root), and ``DOI`` and ``Version`` where it has them.
    """
    try:
        said = json.loads(Path(dataset, "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a folder without one: the index says so
        said = {}
    found = {"DOI": said.get("DatasetDOI"), "Version": said.get("DatasetVersion")} if isinstance(said, dict) else {}
    return [{"URL": "bids:raw:."} | {key: value for key, value in found.items() if value}]


def write_ignored() -> str:
    """Return the text of ``.bidsignore``, with reasons as comments."""
    return "".join(f"# {reason}\n" + "".join(f"{one}\n" for one in patterns) for reason, patterns in IGNORED.items())


def write_readme(*, simulated: bool | str) -> str:
    """Return the text of the results' README."""
    return README.format(origin=say_origin(simulated=simulated).replace("**", ""))
