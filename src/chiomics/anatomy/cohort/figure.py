"""Picture of a cohort's anatomy: volumes and overlaps of every session against the cohort's median, outliers marked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from chiomics.anatomy.cohort.outliers import VOXEL, find_outliers
from chiomics.core.figures import figure_style, save_figure
from chiomics.core.scores.outliers import FEWEST, NARROWEST, OUTLIER, draw_scores, name_sessions

#: Column that names the session.
IDENTITY = "session"
#: Column of doubts, and how columns begin that say how much an image saw.
WARNINGS, SEEN = "warnings", "seen_"
#: Column of the steps whose failed check the operator accepted.
ACCEPTED = "accepted"
#: Characters per inch of the list of what was left out, and the height of its lines, inches.
CHARACTERS, LINE_HEIGHT = 20, 0.1


def tabulate_anatomy(sessions: Iterable[tuple[str, pd.DataFrame, pd.DataFrame, dict]]) -> pd.DataFrame:
    """Bring the tables of all sessions to one row each.

    Parameters
    ----------
    sessions : iterable of tuple
        Name, tables of `chiomics.anatomy.session.volumes` and of `chiomics.anatomy.session.consistency`, and the
        sidecar of the regions; taken one after another, so that a generator may read them as they are needed.

    Returns
    -------
    pandas.DataFrame
        ``session``; ``<region>_mm3`` and ``voxel_mm3``, of one voxel; ``<nucleus>_dice`` and ``<nucleus>_shift_mm``
        against the atlas; ``overlap_…``, ``mutual_information_…`` and ``sharpness_…`` of each registration; lesions,
        missing where not known, how many of them are large enough for features, their source and the share of the
        white matter that was looked at;
        ``seen_<image>_<structure>``;
        ``accepted``, the steps whose failed check the operator accepted; ``warnings``; and ``outliers``, the columns
        whose modified z-score is beyond 3.5.
    """
    rows = []
    for session, table, consistency, sidecar in sessions:
        row: dict[str, object] = {IDENTITY: session}
        side = table["hemisphere"].fillna("").replace("n/a", "")
        is_lesion = table["voi"].str.startswith("lesion")
        for voi, hemisphere, volume in zip(table["voi"], side, table["volume_mm3"], strict=True):
            if not voi.startswith("lesion"):
                row[f"{voi}{'_' * bool(hemisphere)}{hemisphere}_mm3"] = volume
        row[VOXEL] = (table["volume_mm3"] / table["n_voxels"]).median()  # of regions without a voxel: no number
        row |= {"brain_mm3": table["brain_mm3"].iloc[0], "parenchyma_mm3": table["parenchyma_mm3"].iloc[0]}
        lesions = table[is_lesion]
        row |= {"lesions": len(lesions), "lesions_mm3": float(lesions["volume_mm3"].sum())}
        row["lesions_kept"] = int(lesions["kept"].sum())  # large enough for features
        row["lesions_dropped"] = row["lesions"] - row["lesions_kept"]
        for found in consistency.to_dict("records"):
            name = f"{found['voi']}_{found['hemisphere']}"
            row |= {f"{name}_dice": found["dice_with_atlas"], f"{name}_shift_mm": found["distance_mm"]}
        row |= _said(sidecar)
        if row["lesions_source"] == "none" and not row.get("NAWM_mm3"):
            row["NAWM_mm3"] = np.nan  # where nobody could look, nothing is known to be normal
        for name, quality in sidecar["Segmentation"]["Registrations"].items():
            stem = name.replace(" ", "_")
            row |= {f"{key}_{stem}": quality[key] for key in ("overlap", "mutual_information", "sharpness")}
        rows.append(row)
    frame = pd.DataFrame(rows)
    scores = find_outliers(frame, _scored(frame))
    frame["outliers"] = [" ".join(scores.columns[np.abs(row) > OUTLIER]) for row in scores.to_numpy()]
    return frame


def _said(sidecar: dict) -> dict[str, object]:
    """Return what a session's sidecar says of its lesions, of what its images saw, and of doubts."""
    lesions = sidecar["Segmentation"].get("Lesions", {})
    row: dict[str, object] = {"lesions_source": lesions.get("Source", "")}
    if lesions.get("Source") == "none":  # not known is not 0: a lost mask must not look like a healthy person
        row |= dict.fromkeys(("lesions", "lesions_mm3", "lesions_kept", "lesions_dropped"), np.nan)
    row["lesions_searched"] = lesions.get("SearchedShareOfWhiteMatter", np.nan)
    for image, shares in sidecar.get("Coverage", {}).items():
        row |= {f"{SEEN}{image}_{structure.replace(' ', '_')}": share for structure, share in shares.items()}
    row[ACCEPTED] = " | ".join(failure["Step"] for failure in sidecar["Segmentation"].get("Accepted", ()))
    return row | {WARNINGS: " | ".join(sidecar.get("Warnings", []))}


def _scored(frame: pd.DataFrame) -> list[str]:
    """List the columns that sessions are compared by."""
    others = (IDENTITY, VOXEL, WARNINGS, ACCEPTED, "outliers")
    return [name for name in frame.columns if name not in others and not name.startswith(("lesions", SEEN))]


def _row_name(values: pd.Series, scores: pd.Series) -> str:
    """Word a column; a row of the picture that is blank says why."""
    why = ": no session has a value" if values.isna().all() else ": the same in all" if values.nunique() == 1 else ""
    return str(values.name).replace("_", " ") + why * (len(values) > 1 and bool(scores.isna().all()))


def draw_cohort(frame: pd.DataFrame, path: str | Path, *, simulated: bool | str, left_out: Sequence[str] = ()) -> None:
    """Draw every session's modified z-scores as a heat map.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `tabulate_anatomy`.
    path : path-like
        PNG file.
    simulated : bool
        True marks the picture as simulated.
    left_out : sequence of str
        Sessions that are not in the table with the reason, listed below the picture.
    """
    columns = _scored(frame)
    scores = find_outliers(frame, columns)
    with figure_style():
        size = (min(max(3.5 + 0.17 * len(frame), NARROWEST), 40), min(2.0 + 0.13 * len(columns), 40))
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        shown = draw_scores(axes, scores, fewest=FEWEST)
        axes.set_yticks(range(len(columns)), [_row_name(frame[name], scores[name]) for name in columns], fontsize=5)
        name_sessions(axes, frame[IDENTITY])
        label = "modified z-score over sessions,\n0 on the good side; dots: beyond 3.5"
        figure.colorbar(shown, ax=axes, label=label, extend="both", shrink=0.5, aspect=40)
        axes.set_title("Regions and registrations of every session")
        if left_out:
            wrapped = [textwrap.fill(line, int(size[0] * CHARACTERS), subsequent_indent="    ") for line in left_out]
            size = (size[0], size[1] + LINE_HEIGHT * sum(text.count("\n") + 1 for text in ["left out:", *wrapped]))
            figure.set_size_inches(*size)
            text = "left out:\n" + "\n".join(wrapped)
            figure.supxlabel(text, x=0.01, ha="left", multialignment="left", color="#BB0000", fontsize=6)
        save_figure(figure, path, simulated=simulated)
