"""The README beside the paper's tables: what was computed, on which cohort, and how it departs from the paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from chiomics.core.features.columns import SESSION
from chiomics.core.left_out import say_left_out
from chiomics.core.papers import captions_table, departures_table, frame_readme, read_departures
from chiomics.robustness.bootstrap import MIN_PARTICIPANTS, NOT_ESTIMABLE
from chiomics.robustness.fiscone2023.published_values import WING
from chiomics.robustness.fiscone2023.volumes import BY_MASK
from chiomics.robustness.settings import ECHO_SETS, Settings
from chiomics.robustness.tables import ALL, TRACTS

TITLE = "Robustness of QSM-based radiomic features (Fiscone et al. 2023)"
FILES = """\
Tables and figures keep the paper's numbers; the supplement was not at hand, so its tables follow what the text says of
them. `table1.md` has the marks. Figures 5 and S2 to S5 take maps of controls and an atlas of tracts. The tidy tables
behind all of them lie in `../../robustness`: coefficients (`icc.parquet`), counts, optimal grey level, subsets
(`groups.tsv`), sides, robust features (`whitelist.tsv`), missing values, distributions and volumes.

Fiscone C, Rundo L, Lugaresi A, et al. Assessing robustness of quantitative susceptibility-based MRI radiomic features
in patients with multiple sclerosis. Scientific Reports 13 (2023). doi:10.1038/s41598-023-42914-4
"""
#: Said where the brain mask of the gradient echo stands in for the whole brain.
SLAB = " Without a T1w the brain is known as far as the gradient echo shows it, which may be a slab."


def write_readme(
    tables: Mapping[str, pd.DataFrame],
    setting: Mapping,
    settings: Settings,
    *,
    simulated: bool | str,
    source: str,
    protocols: Sequence[tuple[str, int]] = (),
) -> str:
    """Write the README of the paper's folder.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Tables of the stage by file name.
    setting : mapping
        The reported grey-level setting.
    settings : Settings
        As completed by `Settings.with_found`.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them.
    source : str
        Where the features come from, in words.
    protocols : sequence of (str, int)
        As for `chiomics.robustness.fiscone2023.tables.list_protocols`.

    Returns
    -------
    str
        Markdown.
    """
    facts = {"icc": settings.icc, "margin": settings.equivalence_margin, "bootstraps": settings.bootstraps}
    sections = {
        "Cohort and question": [
            _cohort(tables, settings, source) + _sizes(protocols),
            say_left_out(tables["left_out.tsv"].fillna("")),
        ],
        "Findings": _findings(tables, setting, settings),
        "What is not as in the paper": departures_table(read_departures(WING, facts)),
        "Files": [captions_table(WING), FILES],
    }
    return frame_readme(TITLE, sections, simulated=simulated)


def _cohort(tables: Mapping[str, pd.DataFrame], settings: Settings, source: str) -> str:
    groups = tables["groups.tsv"].drop_duplicates("cohort")
    sizes = [f"{row.cohort} {row.n_sessions} ({row.n_participants})" for row in groups.itertuples()]
    icc, kept = tables["icc.parquet"], set(groups["cohort"])
    vois = [name for name in settings.vois if name in set(icc["voi"])]
    lacking = [name for name in settings.vois if name not in vois]
    missing = tables["missing.tsv"]
    lines = [
        f"- Features: {source}.",
        f"- Sessions (participants): {', '.join(sizes)}."
        + "".join(
            f" Subset {name} has fewer than two and is left out." for name in settings.groups if name not in kept
        ),
        f"- Reconstructions compared: {', '.join(settings.echo_sets)}"
        + (f", inversion {settings.inversion}." if settings.inversion else "."),
        f"- Regions: {', '.join(vois)}" + (f"; not in this cohort: {', '.join(lacking)}." if lacking else "."),
        f"- Grey levels: {', '.join(f'{level:g}' for level in np.sort(icc['n_gray_levels'].dropna().unique()))}.",
    ]
    if len(tables["volumes.tsv"]):
        sessions = tables["volumes.tsv"].drop_duplicates(list(SESSION))["adjusted_by"].value_counts()
        kinds = ", ".join(f"{by} ({number} of {sessions.sum()} sessions)" for by, number in sessions.items())
        lines.append(f"- Volumes are in proportion to: {kinds}." + (SLAB if BY_MASK in sessions else ""))
    further = [name for name in icc["perturbation"].unique() if name != ECHO_SETS]
    if further:
        lines.append(f"- Further axes, beyond the paper: {', '.join(further)}.")
    if len(missing):
        rows = missing.sort_values("n_sessions", ascending=False)
        first = rows.iloc[0]
        lines.append(
            f"- Missing values: {len(rows)} combinations of reconstruction and region (`missing.tsv`), at most "
            f"{first['n_sessions']} of the sessions each ({first['reason']}). A session counts for a feature where all "
            "reconstructions have it."
        )
    else:
        lines.append("- No value is missing.")
    return "\n".join(lines) + "\n"


def _sizes(protocols: Sequence[tuple[str, int]]) -> str:
    """Say that sessions of several voxel sizes are compared, which adds to the difference between sessions."""
    counts: dict[str, int] = {}
    for text, sessions in protocols:
        words = " x ".join(f"{round(edge, 2):g}" for edge in json.loads(text)[4] or [])
        counts[words] = counts.get(words, 0) + sessions
    counts.pop("", None)
    if len(counts) < 2:
        return ""
    shown = ", ".join(f"{words} mm ({number} sessions)" for words, number in counts.items())
    return (
        f"- **Voxel sizes differ**: {shown}. Where the preset does not resample, as `fiscone107`, sessions differ in "
        "texture and shape by their protocol too, which raises the coefficients; compare sessions of one protocol "
        "(`tableS1.tsv`).\n"
    )


def _say_sides(sides: pd.DataFrame) -> str:
    """Say whether the sides are equivalent, all regions together and each by itself."""
    classes = sides[(sides["feature_class"] == ALL) & (sides["cohort"] == ALL)]
    row = classes[classes["voi"] == ALL].iloc[0]
    if pd.isna(row["equivalent"]):
        return (
            f"Left and right differ by {row['mean_difference']:+.3f} on average; whether they are equivalent is "
            f"{NOT_ESTIMABLE} with fewer than {MIN_PARTICIPANTS} participants."
        )
    verdict = "equivalent" if str(row["equivalent"]) == "True" else "not shown to be equivalent"
    alone = classes[~classes["voi"].isin((ALL, TRACTS)) & classes["equivalent"].notna()]
    equal = (alone["equivalent"].astype(str) == "True").to_numpy()
    by_region = f"Region by region {int(equal.sum())} of {len(alone)} are (figure 6, last panel)"
    if 0 < equal.sum() < len(alone):
        by_region += f": {', '.join(alone.loc[equal, 'voi'])}"
    return (
        f"Over all regions together left and right are {verdict} within ± {row['margin']:g}: mean "
        f"difference {row['mean_difference']:+.3f} (90 % interval {row['bootstrap_low']:+.3f} to "
        f"{row['bootstrap_high']:+.3f}); t test p = {row['p_difference']:.2f}. {by_region}."
    )


def _findings(tables: Mapping[str, pd.DataFrame], setting: Mapping, settings: Settings) -> str:
    groups, whitelist, sides = tables["groups.tsv"], tables["whitelist.tsv"], tables["sides.tsv"]
    rows = groups[(groups["perturbation"] == ECHO_SETS) & (groups["preset"] == setting["preset"])]
    level, width = setting["n_gray_levels"], setting["bin_width"]
    at = f"{level:g} grey levels" if level == level else f"bin width {width:g}"
    lines = [f"Regions are compared at {at}; a feature is robust above {settings.threshold:g}.\n"]
    lines += [
        "| Cohort | Sides | Optimal setting | in % of draws | Robust features | 95 % band |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows.itertuples():
        best = f"{row.n_gray_levels:g} levels" if row.n_gray_levels == row.n_gray_levels else f"width {row.bin_width:g}"
        alone = pd.isna(row.low)
        share = NOT_ESTIMABLE if alone else f"{100 * row.bootstrap_share:.0f}"
        band = NOT_ESTIMABLE if alone else f"{row.low} to {row.high}"
        lines.append(
            f"| {row.cohort} | {row.sides} | {best} | {share} | {row.n_robust} of {row.n_features} "
            f"({row.percent:.1f} %) | {band} |"
        )
    listed = whitelist[whitelist["sides"] == ALL]
    both = listed["robust"] & listed["published"]
    lines.append(
        f"\n{int(listed['robust'].sum())} of {len(listed)} features are robust in every region, sides together and "
        f"apart; the paper lists 55, and {int(both.sum())} are in both lists."
    )
    if len(sides):
        lines.append(_say_sides(sides))
    trends = tables["trends.tsv"]
    trends = trends[trends["source"] == "Table 2"]
    if len(trends):
        same = np.where(trends["difference"] > 0, "up", "down") == trends["direction"]
        lines.append(
            f"Of {len(trends)} trends of Table 2 (a feature in a tract), {int(same.sum())} have the published "
            f"direction here, {int(trends['agrees'].sum())} of them with p < .05 after Holm's correction."
        )
    return "\n".join(lines) + "\n"
