"""Files of a simulated data set as a whole: descriptions, participants, the oracle, and what the truth means."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar, write_text
from chiomics.core.origin import dataset_is_simulated
from chiomics.core.provenance import generated_by
from chiomics.phantom.oracle import oracle_table
from chiomics.phantom.recipe import Session, list_sessions, load_recipe

BIDS_VERSION = "1.10.0"

PARTICIPANT_COLUMNS = {
    "participant_id": {"Description": "Simulated subject"},
    "group": {
        "Description": "Group",
        "Levels": {
            "HC": "healthy control",
            "MS": "multiple sclerosis",
            "NMOSD": "neuromyelitis optica spectrum disorder",
        },
    },
    "age": {"Description": "Age", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "disease_duration": {"Description": "Time since onset; n/a for controls", "Units": "year"},
    "edss": {"Description": "Expanded Disability Status Scale; n/a for controls"},
}

ORACLE_COLUMNS = {
    "group_1": {"Description": "First group"},
    "group_2": {"Description": "Second group"},
    "nucleus": {"Description": "Deep grey nucleus, both sides"},
    "mean_d": {"Description": "Cohen's d of the mean susceptibility at equal age, first minus second group"},
    "texture_d": {"Description": "Cohen's d of the logarithm of the texture's standard deviation, first minus second"},
    "auc_mean": {"Description": "Best AUC from the mean at equal age"},
    "auc_texture": {"Description": "Best AUC from the texture's standard deviation"},
    "auc_both": {"Description": "Best AUC from both"},
    "auc_mean_raw": {"Description": "Best AUC from the mean as it is, with its age dependence and the groups' ages"},
    "kind": {
        "Description": "Which effect the nucleus carries",
        "Levels": ["mean", "texture", "mean and texture", "null"],
    },
    "method": {"Description": "How the AUC is known; between-subject spread alone, without image noise"},
    "support": {"Description": "Whether the literature supports the effect"},
}

README = """Simulated subjects for testing susceptibility mapping and radiomics. No person was scanned.

Made by `chiomics phantom` from a recipe (derivatives/truth/recipe.json): healthy controls, multiple sclerosis and
neuromyelitis optica spectrum disorder, drawn from published demographics and lesion statistics, with group effects that
the recipe states. Every answer is in derivatives/truth. Not for clinical use.
"""

TRUTH_README = """What is known of the simulated subjects, on the grid of their gradient echo.

Chimap                  susceptibility in ppm relative to water (water 0, cerebrospinal fluid 0.019); inside the brain
                        mask cut in k-space like the signal, with 0 outside the mask; outside, the mean over the voxel
R2starmap               R2* in 1/s
desc-total_fieldmap     field of the whole head after the shim, ppm of B0, written inside the brain mask
desc-local_fieldmap     field of the sources inside desc-brain_mask alone (susceptibility 0 elsewhere), ppm of B0,
                        written inside the brain mask
desc-brain_mask         brain with its inner and sulcal fluid
desc-truth_dseg         one label per voxel; the .tsv lists asked and realised susceptibility, on the finer grid of the
                        simulation (chi_mean) and on the voxels of the gradient echo (chi_mean_voxels: with partial
                        volume); white matter is asked its value outside the tracts
desc-lesions_dseg       lesion numbers; the .tsv lists volume, place, kind and rim (truth), and the calls of two raters
                        and of a third where they differ
hemi-*_label-*_mask     tracts, which may overlap
desc-mni_warp           MNI (ICBM 2009a symmetric) x, y, z in mm at every fourth voxel
truth.json              noise, rigid displacement of the structural images, participant
oracle.tsv              per pair of groups and nucleus the effect, the best AUC that a classifier can reach, how it is
                        known, and whether the literature supports it
"""
#: Files of the truth that BIDS has no names for: answers, fields beside their maps, masks of one side, a warp.
TRUTH_IGNORED = (".sub-*", "recipe.json", "oracle.*", "*_truth.json", "*_fieldmap.nii.gz", "*_hemi-*", "*_warp.nii.gz")
#: Sidecars that hold for every subject's map, as BIDS inherits.
TRUTH_FIELDS = {
    "Chimap": {"Description": "Susceptibility of the head", "Units": "ppm", "SkullStripped": False},
    "R2starmap": {"Description": "Rate of decay of the head", "Units": "1/s", "SkullStripped": False},
}


def refuse_other_data(out_dir: str | Path) -> None:
    """Stop where a folder holds a data set that nobody simulated: its participants would be written over.

    Parameters
    ----------
    out_dir : path-like
        Where a cohort is to be simulated.

    Raises
    ------
    InputError
        For a file, and a folder with participants whose description does not say that they are simulated.
    """
    folder = Path(out_dir)
    held = [path.name for name in ("participants.*", "dataset_description.json", "sub-*") for path in folder.glob(name)]
    if not folder.is_file() and (not held or dataset_is_simulated(folder)):
        return
    raise InputError(
        "the place of the simulated cohort is taken", file=folder, found=", ".join(sorted(held)[:3]) or "a file",
        expected="a new or empty folder, or a simulated data set, which is written over",
    )  # fmt: skip


def write_dataset_files(
    recipe: dict | str | Path, out_dir: str | Path, *, sessions: list[Session] | None = None
) -> list[Path]:
    """Write what belongs to the whole data set: descriptions, participants, README, oracle.

    Parameters
    ----------
    recipe : dict or path-like
        As `load_recipe` takes it.
    out_dir : path-like
        Root of the BIDS data set.
    sessions : list of Session, optional
        Subjects that are not the recipe's own.

    Returns
    -------
    list of Path
        The files.
    """
    recipe, out_dir = load_recipe(recipe), Path(out_dir)
    truth = out_dir / "derivatives" / "truth"
    generator = generated_by("chiomics phantom")
    name = f"{recipe['name']} (simulated)"
    write_sidecar(
        out_dir / "dataset_description.json",
        {
            "Name": name,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": "CC0",
            "Authors": ["chiomics phantom"],
            "GeneratedBy": generator,
            "Simulated": True,
        },
    )
    write_sidecar(
        truth / "dataset_description.json",
        {
            "Name": f"{name}: truth",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": generator,
            "Simulated": True,
        },
    )
    write_table(
        out_dir / "participants.tsv",
        [session.participant for session in (list_sessions(recipe) if sessions is None else sessions)],
        list(PARTICIPANT_COLUMNS),
    )
    write_sidecar(out_dir / "participants.json", PARTICIPANT_COLUMNS)
    write_sidecar(truth / "recipe.json", recipe)
    rows = oracle_table(recipe)
    write_table(truth / "oracle.tsv", rows, list(rows[0]) if rows else list(ORACLE_COLUMNS))
    write_sidecar(truth / "oracle.json", ORACLE_COLUMNS)
    for path, text in ((out_dir / "README", README), (truth / "README", TRUTH_README)):
        write_text(path, text)
    write_text(out_dir / ".bidsignore", ".sub-*\n")
    write_text(truth / ".bidsignore", "".join(f"{pattern}\n" for pattern in TRUTH_IGNORED))
    for suffix, fields in TRUTH_FIELDS.items():
        write_sidecar(truth / f"{suffix}.json", fields)
    return [
        out_dir / "dataset_description.json",
        out_dir / "participants.tsv",
        out_dir / "participants.json",
        out_dir / "README",
        out_dir / ".bidsignore",
        truth / "dataset_description.json",
        truth / "recipe.json",
        truth / "oracle.tsv",
        truth / "oracle.json",
        truth / "README",
        truth / ".bidsignore",
        *(truth / f"{suffix}.json" for suffix in TRUTH_FIELDS),
    ]


def write_table(path: Path, rows: list[dict], columns: list[str]) -> None:
    """Write a TSV whole or not at all; None becomes ``n/a``, floats have six significant digits."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row[column]) for column in columns) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def _cell(value: object) -> str:
    if value is None or value != value:
        return "n/a"
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
