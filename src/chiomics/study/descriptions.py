"""What the columns of tables mean, with units: one JSON per kind of table at the head of the results, as BIDS inherits.

By the inheritance principle a file such as ``desc-anatomy_volumes.json`` holds for all below it whose names end so.
Images have sidecars of their own, tables of features too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chiomics.core.files import write_text
from chiomics.core.provenance import dataset_links, generated_by
from chiomics.study.bids_files import source_datasets, write_ignored, write_readme

NAMES = ("Description", "Units")
_SESSION = {
    "session": ("the session's key: participant, session and run",),
    "participant_id": ("participant, as in participants.tsv",),
    "session_id": ("session, empty where the data set has none",),
    "run": ("run of the session, empty where it has none",),
}
_REGION = {
    "voi": ("region, by its abbreviation",),
    "hemisphere": ("side: L, R, LR (both as one region) or n/a",),
    "n_voxels": ("voxels", "1"),
    "volume_mm3": ("volume", "mm^3"),
    "kept": ("1 where the region is used, 0 where it is not",),
    "reason": ("why it is not used, or what is particular about it",),
}
#: By file below the results: description and unit of every column.
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "manifest": _SESSION
    | {
        "status": ("included, excluded, or structural: a T1w, and perhaps a FLAIR, alone",),
        "reason": ("why the session is excluded",),
        "warnings": ("what was decided, or looks odd; JSON list",),
        "input_kind": ("what a map comes from, e.g. magnitude_phase; chi_map: one of the user's own",),
        "n_echoes": ("echoes of the gradient echo", "1"),
        "echo_times": ("their times; JSON list", "s"),
        "field_strength": ("of the main field", "T"),
        "shape": ("voxels along each axis; JSON list", "1"),
        "voxel_size": ("along each axis; JSON list", "mm"),
        "manufacturer": ("of the scanner",),
        "without": ("what is not made of the session, for its input failed; JSON list",),
        "simulated": ("true for a session that was simulated, empty for others",),
        "accepted": ("steps that the operator accepts though their check failed; JSON list",),
    }
    | {
        name: (f"{what}, relative to the data set",)
        for name, what in {
            "magnitude": "magnitude images in the order of echoes; JSON list",
            "phase": "phase images; JSON list",
            "real": "real parts; JSON list",
            "imaginary": "imaginary parts; JSON list",
            "T1w": "T1-weighted image",
            "FLAIR": "FLAIR image",
            "dwi": "diffusion images",
            "bval": "their b-values",
            "bvec": "their directions",
            "T1w_mask": "brain mask on the T1w",
            "brain_mask": "brain mask on the gradient echo",
            "lesion_mask": "lesion mask",
            "lesion_labels": "numbered lesions",
            "tissue_labels": "tissue labels",
            "chi_map": "susceptibility map of the user's own",
            "voi_labels": "regions of the user's own",
        }.items()
    },
    "members": {
        "result": ("result that several sessions go into",),
        "session": _SESSION["session"],
        "state": ("current, or out of date: the cohort has other sessions now",),
        "since": ("date since when it is out of date",),
    },
    "dseg": {
        "index": ("value in the label image", "1"),
        "name": ("region",),
        "abbreviation": ("region and side in short",),
    }
    | {name: _REGION[name] for name in ("hemisphere", "n_voxels", "volume_mm3", "kept", "reason")},
    "desc-anatomy_volumes": _REGION
    | {
        "parenchyma_mm3": ("volume of the whole brain without fluid, the same in every row", "mm^3"),
        "brain_mm3": ("volume of the whole brain with fluid, the same in every row", "mm^3"),
    },
    "desc-anatomy_consistency": {
        "voi": _REGION["voi"],
        "hemisphere": _REGION["hemisphere"],
        "dice_with_atlas": ("overlap with the atlas alone, before refinement", "1"),
        "x": ("centre in the atlas' space, to the right", "mm"),
        "y": ("centre in the atlas' space, to the front", "mm"),
        "z": ("centre in the atlas' space, upwards", "mm"),
        "distance_mm": ("distance of that centre from the atlas' own", "mm"),
    },
    "lesions": {name: _SESSION[name] for name in ("participant_id", "session_id", "run")}
    | {
        "lesion": ("number in the label image on the gradient echo's voxels", "1"),
        "n_voxels": _REGION["n_voxels"],
        "volume_mm3": _REGION["volume_mm3"],
        "diameter_mm": ("of a sphere of the same volume", "mm"),
        "x": ("centre in the world of the susceptibility map", "mm"),
        "y": ("centre in the world of the susceptibility map", "mm"),
        "z": ("centre in the world of the susceptibility map", "mm"),
        "place": ("periventricular, juxtacortical, infratentorial or deep",),
        "chi_mean": ("mean susceptibility", "ppb"),
        "chi_sd": ("its standard deviation", "ppb"),
        "chi_p90": ("its 90th percentile", "ppb"),
        "chi_max": ("its maximum", "ppb"),
        "chi_edge_minus_core": ("median of the outer 60 % of the depth minus that of the inner 20 %", "ppb"),
        "chi_edge_p75_minus_core": ("75th percentile of the outer 60 % minus the median of the inner 20 %", "ppb"),
        "edge_bright_fraction": ("fraction of edge voxels more than 10 ppb above the core's median", "1"),
        "chi_edge_correlation": ("correlation of susceptibility with nearness to the edge", "1"),
        "flair_mean": ("FLAIR above normal-appearing white matter, in its interquartile ranges", "1"),
        "flair_ratio": ("FLAIR over the median of normal-appearing white matter", "1"),
        "confluent": ("whether it touches another lesion",),
        "cropped": ("whether it is larger than the patch",),
        "touches_mask_edge": ("whether susceptibility is not known all around it",),
        "left_out": ("why detectors cannot use the lesion",),
        "rim": ("whether it has a rim, where the truth is simulated",),
        "kind": ("its kind, where it is simulated",),
        "rim_fraction": ("fraction of the surface with a rim, where it is simulated", "1"),
        "rim_contrast": ("of the rim to the core, where it is simulated", "ppb"),
        "vein": ("whether a vein runs through it, where it is simulated",),
        "consensus": ("consensus of the raters: 1 for a rim",),
        "consensus_note": ("why there is no consensus",),
        "source": ("where the lesion mask comes from",),
        "simulated": ("whether the subject is simulated",),
        "cohort": ("which cohort the lesion is of",),
    },
    "qc/radiomics_outliers": {
        "session": _SESSION["session"],
        "feature": ("map, region, preset and feature",),
        "score": ("modified z-score: distance from the cohort's median in robust standard deviations", "1"),
    },
}
#: Columns that are named after a region, a registration or a rater: what they begin or end with.
PATTERNS: dict[str, dict[str, tuple[str, ...]]] = {
    "qc/anatomy": {
        "session": _SESSION["session"],
        "*_mm3": ("volume of a region; voxel_mm3: of one voxel", "mm^3"),
        "*_dice": ("overlap of a nucleus with the atlas alone", "1"),
        "*_shift_mm": ("distance of its centre from the atlas' own", "mm"),
        "lesions": ("number of lesions", "1"),
        "lesions_source": ("where they come from",),
        "lesions_searched": ("how they were searched for",),
        "seen_*": ("fraction of a structure inside an image's field of view", "1"),
        "overlap_*": ("overlap of the brains after a registration", "1"),
        "mutual_information_*": ("after a registration", "1"),
        "sharpness_*": ("of its optimum", "1"),
        "accepted": ("steps that the operator accepts though their check failed",),
        "warnings": ("what looks odd",),
        "outliers": ("columns that lie far from the cohort's median",),
    },
    "lesions": {"rater_*": ("a rater's call: 1 for a rim, 0 for none",)},
}


def describe_tables() -> dict[str, dict[str, Any]]:
    """Describe every kind of table.

    Returns
    -------
    dict
        By file below the results, without ending: a key per column, with ``Description`` and ``Units``.
    """
    kinds = dict.fromkeys([*TABLES, *PATTERNS])
    columns = {kind: TABLES.get(kind, {}) | PATTERNS.get(kind, {}) for kind in kinds}
    return {
        kind: {name: dict(zip(NAMES, said, strict=False)) for name, said in of.items()} for kind, of in columns.items()
    }


def write_descriptions(results: str | Path, *, simulated: bool | str, dataset: str | Path | None = None) -> None:
    """Write what makes the results a BIDS derivative, where it is not there yet.

    Descriptions of the data set and of tables, a README, and which files BIDS has no names for.

    Parameters
    ----------
    results : path-like
        Folder of the results.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them, which the name says.
    dataset : path-like, optional
        The BIDS folder that they come from.
    """
    name = "Susceptibility maps, regions and features" + ", of simulated subjects" * (simulated is True)
    about = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": generated_by()}
    links = dataset_links(results, dataset) if dataset else {}
    about |= {"DatasetLinks": links} if links else {}
    about |= {"SourceDatasets": source_datasets(dataset)} if dataset else {}
    about |= {"Simulated": True} if simulated is True else {}
    for kind, fields in ({"dataset_description": about} | describe_tables()).items():
        _write(Path(results, f"{kind}.json"), json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
    _write(Path(results, ".bidsignore"), write_ignored())
    _write(Path(results, "README"), write_readme(simulated=simulated))


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
