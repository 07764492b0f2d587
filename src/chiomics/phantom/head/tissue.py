"""Tissue properties per label: susceptibility, R2*, T1, proton density and contrast, with their spread and sources.

`tissue.tsv` is the one table. χ in ppm relative to water (χ = 0), so that cerebrospinal fluid is +0.019 ppm; its
between-subject standard deviation and its change per year of age around `REFERENCE_AGE` in ppm; R2* in 1/s at 3 T; T1
in s; proton density relative to water; T1w and FLAIR relative to white matter; texture: standard deviation in ppm and
correlation length in mm.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np

from chiomics.phantom.head.nuclei import NUCLEI

#: Age in years at which `chi` holds.
REFERENCE_AGE = 42.0

AIR, CSF, VENTRICLES, GREY, WHITE, VEIN, MEDULLARY_VEIN = range(7)
#: Label of a nucleus in the property table, for both sides.
NUCLEUS_LABELS = {nucleus: 11 + position for position, nucleus in enumerate(NUCLEI)}
LESION, RIM = 21, 22
SOFT, BONE, SINUS, EYE = 31, 32, 33, 34
#: R2* of white matter relative to 3 T at 1.5, 3 and 7 T (Peters et al. 2007, Magn Reson Imaging 25:748: T2* of 66.2,
#: 53.2 and 26.8 ms); grey matter differs by less than 2 %, and fluid is taken to follow.
RELATIVE_R2STAR = ((1.5, 3.0, 7.0), (0.80, 1.0, 1.98))
#: On images the nuclei of the left have the table's label, those of the right have this added.
RIGHT = 100


@lru_cache(maxsize=1)
def tissue_table() -> dict[int, dict]:
    """Read the properties, by label."""
    texts = {"name", "abbreviation", "chi_source", "contrast_source"}
    with (Path(__file__).parent / "tissue.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {
        int(row["label"]): {key: value if key in texts else float(value) for key, value in row.items()} for row in rows
    }


def relative_r2star(field_strength: float) -> float:
    """Return R2* of tissue at a field strength in T relative to 3 T, where the table holds.

    On straight lines between the measured strengths, and along them beyond; 0.1 at the least.
    """
    strengths, ratios = RELATIVE_R2STAR
    lower = 0 if field_strength < strengths[1] else 1
    slope = (ratios[lower + 1] - ratios[lower]) / (strengths[lower + 1] - strengths[lower])
    return max(1.0 + slope * (field_strength - strengths[1]), 0.1)


def lookup(values: dict[int, float]) -> np.ndarray:
    """Turn values per label into an array to be indexed with a label image; the right side has the left's values."""
    table = np.zeros(256, np.float32)
    for label, value in values.items():
        table[label] = value
        if label in NUCLEUS_LABELS.values():
            table[label + RIGHT] = value
    return table


def image_labels() -> list[dict[str, str | int]]:
    """List the labels of a truth image: index, name, abbreviation."""
    rows = []
    for label, row in tissue_table().items():
        if label in NUCLEUS_LABELS.values():
            rows += [
                {"index": label, "name": f"left {row['name']}", "abbreviation": f"{row['abbreviation']}_L"},
                {"index": label + RIGHT, "name": f"right {row['name']}", "abbreviation": f"{row['abbreviation']}_R"},
            ]
        elif label:
            rows.append({"index": label, "name": row["name"], "abbreviation": row["abbreviation"]})
    return sorted(rows, key=lambda row: row["index"])
