"""What a table of features holds, declared once: names, types, units, what is filled in, which words are allowed.

The check of every table and the page in docs/tables.md are made from this declaration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

SESSION = ("participant", "session", "run")
REGION = ("voi", "hemisphere")
FEATURE = ("image_type", "feature_class", "feature")
#: Columns that several maps or discretisations of one feature differ by.
DEFINITION = ("preset", "echo_set", "inversion", "n_gray_levels", "bin_width")
CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape2D")
#: Spellings of the sides, and of both as one region.
SIDES = {
    "L": ("l", "left", "lh", "left hemisphere", "sinister"),
    "R": ("r", "right", "rh", "right hemisphere", "dexter"),
    "LR": ("lr", "rl", "both", "bilateral", "merged", "l+r", "left+right", "b"),
}


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        Ours.
    kind : {"text", "number"}
        Of its values.
    says : str
        What it says, for the page in docs.
    unit : str
        Of a number.
    needed : bool
        Whether a table without it is refused.
    default : str
        What fills it in where it lacks or is empty.
    also : tuple of str
        Other names under which it is read.
    words : tuple of str
        All that is allowed, after other spellings have been read; anything where empty.
    low : float, optional
        Smallest number allowed.
    """

    name: str
    kind: str
    says: str
    unit: str = ""
    needed: bool = False
    default: str = ""
    also: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    low: float | None = None


COLUMNS = {
    column.name: column
    for column in (
        Column("participant", "text", "who", needed=True,
               also=("participant_id", "subject", "subject_id", "patient", "patient_id")),
        Column("session", "text", "which visit", also=("session_id", "visit", "visit_id", "timepoint")),
        Column("run", "text", "which run of the visit", also=("run_id",)),
        Column("group", "text", "diagnosis or group, as in the settings; needed by a study of groups"),
        Column("voi", "text", "region; a side in its name goes to `hemisphere`", needed=True, also=("region", "roi")),
        Column(
            "hemisphere", "text", "side: L, R, LR (both as one region) or empty", also=("side", "hemi"),
            words=("L", "R", "LR", ""),
        ),
        Column("echo_set", "text", "echoes that the map was made of; needed to compare reconstructions"),
        Column("inversion", "text", "dipole inversion of the map"),
        Column("perturbation", "text", "change made on purpose, empty for the session as it is"),
        Column("preset", "text", "settings of the extraction"),
        Column("n_gray_levels", "number", "grey levels, of a fixed number of bins", unit="bins", low=1,
               also=("bin_count", "bincount")),
        Column("bin_width", "number", "width of a bin, where that is fixed", unit="unit of the map", low=0,
               also=("binwidth",)),
        Column("voxel_size", "text", "voxel size of the image that features were computed on, one in a study",
               unit="mm", also=("spacing",)),
        Column("image_type", "text", "filter of the image, by pyradiomics' names", default="original"),
        Column("feature_class", "text", "class, by pyradiomics' names", needed=True, words=CLASSES),
        Column("feature", "text", "name of the feature", needed=True, also=("feature_name",)),
        Column("value", "number", "its value; empty where it could not be computed", needed=True),
        Column("reason", "text", "why there is no value"),
    )
}  # fmt: skip
TEXT = tuple(name for name, column in COLUMNS.items() if column.kind == "text")
NUMBERS = tuple(name for name, column in COLUMNS.items() if column.kind == "number")
REQUIRED = tuple(name for name, column in COLUMNS.items() if column.needed)
DEFAULTS = {name: column.default for name, column in COLUMNS.items()}


def own_name(name: str) -> str | None:
    """Return the name of ours that a column's header stands for; None where it is none of them."""
    key = re.sub(r"[\W_]+", "", name.casefold())  # Subject ID, Subject.ID of R, SubjectID
    for column in COLUMNS.values():
        if key in {one.replace("_", "") for one in (column.name, *column.also)}:
            return column.name
    return None


@cache
def schema() -> DataFrameSchema:
    """Make the declaration a pandera schema, for canonical values: other spellings have been read before."""
    import pandera.pandas as pa

    def checks(column: Column) -> list:
        found = [pa.Check.isin(column.words, error=f"one of {', '.join(filter(None, column.words))}")]
        found = found if column.words else []
        return found if column.low is None else [*found, pa.Check.ge(column.low, error=f">= {column.low:g}")]

    return pa.DataFrameSchema(
        {
            name: pa.Column(
                float if column.kind == "number" else object,
                checks=checks(column),
                nullable=column.kind == "number",
                required=column.needed,
                description=column.says,
                metadata={"unit": column.unit, "default": column.default, "also": column.also},
                coerce=True,
            )
            for name, column in COLUMNS.items()
        }
    )


def page() -> str:
    """Write the table of columns for the page in docs, from the schema."""
    rows = ["| column | type | needed | also read as | what |", "|---|---|---|---|---|"]
    for name, column in schema().columns.items():
        about = column.metadata
        kind = f"number, {about['unit']}" if about["unit"] and COLUMNS[name].kind == "number" else COLUMNS[name].kind
        filled = f"filled in: `{about['default']}`" if about["default"] else "no"
        also = ", ".join(f"`{one}`" for one in about["also"])
        words = COLUMNS[name].words if name == "feature_class" else ()
        says = column.description + (": " + ", ".join(f"`{word}`" for word in words) if words else "")
        rows.append(f"| `{name}` | {kind} | {'**yes**' if column.required else filled} | {also} | {says} |")
    return "\n".join(rows) + "\n"
