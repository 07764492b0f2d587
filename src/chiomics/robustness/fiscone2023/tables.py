"""Tables under the numbers of Fiscone et al. (2023): 1 and 2, and S1 to S18 as far as the text describes them.

Features lie in rows and regions in columns, as in the paper; what the paper prints stands beside. The supplement was
not at hand, so its tables follow the text: S1 the acquisition, S2 to S8 the features of each class, S9 the numbers of
robust features, S10 the matrix of all coefficients, S11 to S15 the coefficients per class, S16 to S18 those of the
robust features for both sides, left and right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from chiomics.core.origin import mark_of
from chiomics.robustness.counts import SHAPE
from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.robust_features import at_setting, in_class_order, list_robust
from chiomics.robustness.settings import ECHO_SETS, Settings
from chiomics.robustness.tables import ALL, CLASSES, FEATURE, TABLES

#: The grey level of the published coefficients.
PUBLISHED_LEVEL = 64
#: Supplementary tables with one class each, in the order of the text.
CLASS_TABLES = {"tableS11": "glcm", "tableS12": "glrlm", "tableS13": "glszm", "tableS14": "ngtdm", "tableS15": "gldm"}
#: Those that list the features of a class: the text names all but S3, which the seventh class is left for.
FEATURE_TABLES = {"tableS2": "firstorder", "tableS3": SHAPE, "tableS4": "glcm", "tableS5": "glrlm", "tableS6": "glszm"}
FEATURE_TABLES |= {"tableS7": "ngtdm", "tableS8": "gldm"}
#: The gradient echo of Table S1, as far as the text prints it.
PRINTED_PROTOCOL = {
    "manufacturer": "Siemens Magnetom Skyra",
    "field strength (T)": "3",
    "echoes": "5",
    "echo times (ms)": "9.42, 18.84, 28.26, 37.68, 47.1",
    "voxel size (mm)": "0.5 x 0.5 x 1.5",
    "matrix": "",
}
SIDE_TABLES = {"tableS16": "both", "tableS17": "L", "tableS18": "R"}
ARROWS = {"up": "↑", "down": "↓", "no difference": "="}


def paper_tables(tables: dict[str, pd.DataFrame], setting: dict, settings: Settings) -> dict[str, pd.DataFrame]:
    """Lay out the tables of the stage as the paper does.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        The tables of `chiomics.robustness.fiscone2023.study` by file name.
    setting : dict
        The reported grey-level setting.
    settings : Settings
        Regions, coefficient and threshold.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``table1``, ``table2``, ``tableS2`` to ``tableS18``.
    """
    here = at_setting(tables["icc.parquet"], setting)
    here = here[(here["cohort"] == ALL) & (here["perturbation"] == ECHO_SETS) & (here["feature_class"] != SHAPE)]
    merged = here[here["sides"] == "merged"]
    whitelist = tables["whitelist.tsv"]
    listed = whitelist[(whitelist["sides"] == ALL) & whitelist["robust"]][list(FEATURE)]
    regions = _regions(merged if len(merged) else here, settings)
    found = {
        "table1": _first_order(merged, regions),
        "table2": _trends(tables["trends.tsv"], tables["contradictions.tsv"]),
        **list_features(tables["icc.parquet"], whitelist),
        "tableS9": _counts(tables["counts.tsv"], tables["optimal_gray_level.tsv"]),
        "tableS10": _matrix(merged, regions, interval=None),
    }
    for name, feature_class in CLASS_TABLES.items():
        rows = merged[merged["feature_class"] == feature_class]
        found[name] = _matrix(rows, regions, interval=settings.coefficient).drop(columns="feature_class")
    for name, side in SIDE_TABLES.items():
        rows = merged if side == "both" else here[here["hemisphere"] == side]
        found[name] = _matrix(rows.merge(listed, on=list(FEATURE)), regions, interval=settings.coefficient)
    return found


def list_features(icc: pd.DataFrame, whitelist: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """List the features of each class (Tables S2 to S8), with what is robust in every region here and in the paper.

    Parameters
    ----------
    icc, whitelist : pandas.DataFrame
        ``icc.parquet``, which names every feature, and ``whitelist.tsv``.

    Returns
    -------
    dict of str to pandas.DataFrame
        By `FEATURE_TABLES`: ``feature``, ``robust_in_every_region`` and ``published``; of shape, which does not change
        between maps, the names alone. A class without features gives an empty table.
    """
    named = icc.loc[icc["image_type"] == "original", ["feature_class", "feature"]].drop_duplicates()
    known = whitelist[(whitelist["sides"] == ALL) & (whitelist["image_type"] == "original")]
    known = known.set_index(["feature_class", "feature"])[["robust", "published"]]
    found = {}
    for name, feature_class in FEATURE_TABLES.items():
        rows = named[named["feature_class"] == feature_class].sort_values("feature", ignore_index=True)
        if feature_class != SHAPE:
            here = known.reindex(pd.MultiIndex.from_frame(rows))
            rows = rows.assign(robust_in_every_region=here["robust"].array, published=here["published"].array)
        found[name] = rows.drop(columns="feature_class")
    return found


def list_protocols(protocols: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """Lay out Table S1: the gradient echo of the sessions that are compared, beside what the paper's text prints.

    Parameters
    ----------
    protocols : sequence of (str, int)
        JSON list of manufacturer, field strength in T, echoes, echo times in s, voxel size in mm and matrix; and how
        many sessions have it. Empty where the study starts from a table of features.

    Returns
    -------
    pandas.DataFrame
        A row per property, a column per protocol with its number of sessions, ``published`` last.
    """
    frame = pd.DataFrame({"property": list(PRINTED_PROTOCOL)})
    for number, (text, sessions) in enumerate(protocols, start=1):
        maker, strength, echoes, times, voxel, matrix = json.loads(text)
        frame[f"protocol_{number}_of_{sessions}_sessions"] = [
            maker or "", "" if strength is None else f"{strength:g}", f"{echoes or ''}",
            ", ".join(f"{1000 * time:.4g}" for time in times or []), " x ".join(f"{edge:.4g}" for edge in voxel or []),
            " x ".join(map(str, matrix or [])),
        ]  # fmt: skip
    return frame.assign(published=list(PRINTED_PROTOCOL.values()))


def compare_published(tables: dict[str, pd.DataFrame], setting: dict, settings: Settings) -> pd.DataFrame:
    """Set every number that the paper prints beside this cohort's.

    Parameters
    ----------
    tables, setting, settings
        As for `paper_tables`.

    Returns
    -------
    pandas.DataFrame
        The table ``published.tsv`` without `subjects`. At the paper's grey level where the features have it, otherwise
        at the reported one, as the column says; empty where this cohort has no such region.
    """
    icc, counts, optimal = tables["icc.parquet"], tables["counts.tsv"], tables["optimal_gray_level.tsv"]
    like = {"preset": setting["preset"], "n_gray_levels": PUBLISHED_LEVEL, "bin_width": np.nan}
    setting = like if len(at_setting(icc, like)) else setting
    study = (icc["cohort"] == ALL) & (icc["perturbation"] == ECHO_SETS)
    whitelist = list_robust(icc[study], setting, read_published("whitelist"))
    level = setting["n_gray_levels"]
    rows = []
    for row in read_published("numbers").itertuples(index=False):
        ours = _ours(row, at_setting(counts, setting), optimal, whitelist, settings)
        named = row._asdict() | {"published": row.value, "feature": ALL}
        rows.append(named | ours | {"n_gray_levels": np.nan if row.quantity == "optimal grey level" else level})
    first = at_setting(icc[study & (icc["sides"] == "merged")], setting)
    first = first[first["feature_class"] == "firstorder"].set_index(["feature", "voi"])
    for row in read_published("table1").itertuples(index=False):
        ours = {}
        if (row.feature, row.voi) in first.index:
            match = first.loc[row.feature, row.voi]
            ends = {name: match[f"{settings.coefficient}_{name}"] for name in ("low", "high")}
            ours = {"ours": match["icc"], **ends}
        rows.append(
            {
                "source": "Table 1", "quantity": "coefficient", "voi": row.voi, "feature_class": "firstorder",
                "feature": row.feature, "n_gray_levels": level, "published": row.icc, **ours,
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    for name in ("ours", "low", "high"):
        frame[name] = pd.to_numeric(frame.get(name, np.nan))
    return frame.assign(difference=frame["ours"] - frame["published"])[list(TABLES["published.tsv"][:-1])]


def table1_markdown(table: pd.DataFrame, settings: Settings, *, simulated: bool | str) -> str:
    """Write Table 1 with its marks: bold above the threshold, italic otherwise, the paper's value in brackets."""
    face = f"**{mark_of(simulated)}.** " if simulated else ""
    title = (
        f"{face}{settings.icc} of first-order features; bold above {settings.threshold:g}, in brackets the paper's.\n"
    )
    printed = read_published("table1").set_index(["feature", "voi"])["italic"]
    regions = [name for name in table.columns[1:] if not name.endswith("_published")]
    lines = [title, "| Feature | " + " | ".join(regions) + " |", "|---" * (len(regions) + 1) + "|"]
    for row in table.to_dict("records"):
        cells = []
        for voi in regions:
            value, published = row[voi], row.get(f"{voi}_published", np.nan)
            mark = "**" if value > settings.threshold else "*"
            cell = f"{mark}{value:.3f}{mark}" if value == value else "–"
            if published == published:
                other = "*" if printed.get((row["feature"], voi)) == "yes" else ""
                cell += f" ({other}{published:.3f}{other})"
            cells.append(cell)
        lines.append("| " + " | ".join([row["feature"], *cells]) + " |")
    return "\n".join(lines) + "\n"


def _regions(icc: pd.DataFrame, settings: Settings) -> list[str]:
    found = list(dict.fromkeys(icc["voi"]))
    return [name for name in settings.vois if name in found] + [name for name in found if name not in settings.vois]


def _first_order(merged: pd.DataFrame, regions: list[str]) -> pd.DataFrame:
    table = _matrix(merged[merged["feature_class"] == "firstorder"], regions, interval=None)
    printed = read_published("table1").pivot(index="feature", columns="voi", values="icc")
    frame = table[["feature"]].copy()
    for voi in regions:
        frame[voi] = table[voi]
        if voi in printed:
            frame[f"{voi}_published"] = frame["feature"].map(printed[voi])
    return frame


def _matrix(rows: pd.DataFrame, regions: list[str], *, interval: str | None) -> pd.DataFrame:
    """Put features in rows and regions in columns, with the interval of a coefficient where it is named."""
    original = rows[rows["image_type"] == "original"] if (rows["image_type"] == "original").any() else rows
    heads = original[["feature_class", "feature"]].drop_duplicates()
    frame = in_class_order(heads, []) if len(heads) else heads
    for voi in regions:
        here = original[original["voi"] == voi].drop_duplicates(["feature_class", "feature"])
        here = here.set_index(["feature_class", "feature"])
        names = pd.MultiIndex.from_frame(frame[["feature_class", "feature"]])
        for end, column in {"": "icc", "_low": f"{interval}_low", "_high": f"{interval}_high"}.items():
            if not end or interval is not None:
                frame[voi + end] = here[column].reindex(names).to_numpy()
    return frame


def _trends(trends: pd.DataFrame, contradictions: pd.DataFrame) -> pd.DataFrame:
    """Lay out Table 2: one row per feature, the paper's trend, ours, and what it contradicts by definition."""
    listed = read_published("trends")
    listed = listed[listed["source"] == "Table 2"]
    against = {}
    for row in contradictions.itertuples(index=False):
        if row.expected_sign != row.published_sign:
            note = f"opposite of {{}} by definition; correlation here {row.spearman:+.2f}"
            against[row.feature_class, row.feature] = note.format(row.other)
            against[row.feature_class, row.other] = note.format(row.feature)
    rows = []
    for row in listed.itertuples(index=False):
        here = trends[
            (trends["source"] == row.source)
            & (trends["feature_class"] == row.feature_class)
            & (trends["feature"] == row.feature)
        ]
        rows.append(
            {
                "texture_category": CLASSES[row.feature_class],
                "feature": row.feature,
                "mark": row.mark,
                "published": f"{ARROWS[row.direction]} {', '.join(row.vois.split())}",
                "ours": "; ".join(f"{ARROWS[one.found]} {one.voi}" for one in here.itertuples()),
                "agrees": bool(here["agrees"].all()) if len(here) else pd.NA,
                "contradiction": against.get((row.feature_class, row.feature), ""),
            }
        )
    return pd.DataFrame(rows)


def _counts(counts: pd.DataFrame, optimal: pd.DataFrame) -> pd.DataFrame:
    rows = counts[(counts[["voi", "hemisphere", "feature_class"]] == ALL).all(axis=1)]
    keys = ["cohort", "sides", "perturbation", "preset", "n_gray_levels", "bin_width", "threshold"]
    joined = rows.merge(optimal[[*keys, "optimal", "bootstrap_share"]], on=keys, how="left")
    return joined.drop(columns=["voi", "hemisphere", "feature_class"])


def _ours(
    row: tuple, counts: pd.DataFrame, optimal: pd.DataFrame, whitelist: pd.DataFrame, settings: Settings
) -> dict[str, float]:
    """Look up this cohort's number for one that the text prints; nothing where it has none."""
    if row.quantity == "optimal grey level":
        best = optimal[
            (optimal["cohort"] == ALL) & (optimal["sides"] == "merged") & (optimal["perturbation"] == ECHO_SETS)
            & (optimal["preset"] == settings.presets[0]) & np.isclose(optimal["threshold"], row.threshold)
        ]  # fmt: skip
        best = best[best["optimal"]]
        return {"ours": best["n_gray_levels"].iloc[0]} if len(best) else {}
    if row.quantity.startswith("robust in every region"):
        here = whitelist[(whitelist["sides"] == ALL) & (whitelist["feature_class"] == row.feature_class)]
        return {"ours": here["robust"].sum()} if len(here) else {}
    sides = "separate" if "by side" in row.quantity else "merged"
    threshold = settings.threshold if np.isnan(row.threshold) else row.threshold
    here = counts[
        (counts["cohort"] == ALL) & (counts["perturbation"] == ECHO_SETS) & (counts["sides"] == sides)
        & (counts["voi"] == row.voi) & (counts["hemisphere"] == ALL) & (counts["feature_class"] == row.feature_class)
        & np.isclose(counts["threshold"], threshold)
    ]  # fmt: skip
    if here.empty:
        return {}
    match = here.iloc[0]
    if row.quantity.startswith("features in all"):
        return {"ours": match["n_features_with_shape"]}
    scale = 100 / match["n_features"] if row.quantity == "percent robust" else 1
    return {"ours": match["n_robust"] * scale, "low": match["low"] * scale, "high": match["high"] * scale}
