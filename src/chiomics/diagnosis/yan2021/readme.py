"""The README beside the paper's tables: what was computed, on whom, what came out, and what is not as in the paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from chiomics.core.left_out import say_left_out
from chiomics.core.papers import captions_table, departures_table, frame_readme, markdown_table, read_departures
from chiomics.diagnosis.estimators.site import say_site
from chiomics.diagnosis.figure_style import rows_of
from chiomics.diagnosis.yan2021.published_values import WING
from chiomics.diagnosis.yan2021.tables import PUBLISHED

TITLE = "MS against NMOSD from QSM radiomics of the deep grey nuclei (Yan et al. 2021)"
SCHEMES_TEXT = """\
`as_published` is the paper's recipe: features are selected on all participants, then the regression is cross-validated.
Its AUC is too high whatever the data; on permuted labels it finds what stands in the column beside it. `nested` selects
features within the training folds and estimates what a new participant would meet. Compare each AUC with that of
permuted labels under the same scheme, not with 0.5.
"""
LIMITATIONS = """\
The paper names three limitations that hold here as well: how the features relate to the disease is not known, only
susceptibility is looked at and no other sequence, and the sample is small. Beyond these: no external validation; the
groups may differ by design in variables that the hybrid model uses; the intervals speak of the
participants that were drawn, not of other scanners, sites or ways to outline the nuclei; and predicted probabilities
hold for this cohort's shares of the groups. No result here supports a diagnosis.
"""
FILES = """\
`tables.md` shows the tables for reading. The CLEAR checklist: {clear}. `models/` holds fitted models for
`chiomics diagnosis predict MODEL FEATURES`, research use only.

The tidy tables behind them lie in `../../diagnosis`: `performance.tsv` has all three confidence intervals, calibration
and events per variable, `delong.tsv` every pair of models, `confounding.tsv` the hybrid gain without sex and EDSS.

Yan Z, Liu H, Chen X, et al. Quantitative susceptibility mapping-derived radiomic features in discriminating multiple
sclerosis from neuromyelitis optica spectrum disorder. Frontiers in Neuroscience 15:765634 (2021).
doi:10.3389/fnins.2021.765634
"""


def write_readme(
    table4: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    facts: Mapping[str, str],
    left_out: pd.DataFrame,
    *,
    simulated: bool | str,
    clear: str,
    truth: str = "",
) -> str:
    """Write the README of the paper's folder.

    Parameters
    ----------
    table4 : pandas.DataFrame
        Of `paper_tables.table4`.
    tables : mapping of str to pandas.DataFrame
        ``performance``, ``confounding`` and ``site``.
    facts : mapping of str to str
        Of `study_facts.study_facts`.
    left_out : pandas.DataFrame
        The table ``left_out.tsv``.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them.
    clear : str
        Summary of the checklist.
    truth : str
        Of simulated subjects, what is built in beside what was found: `chiomics.diagnosis.yan2021.oracle.say_oracle`.

    Returns
    -------
    str
        Markdown.
    """
    sections = {
        "Cohort": [_cohort(facts), say_left_out(left_out), _site(tables["site"])],
        "Performance": [
            SCHEMES_TEXT, _performance(table4, facts), _null(table4),
            _warnings(tables["performance"], list(table4["model"])),
        ],
        **({"What the simulation holds, and what was found": truth} if truth else {}),
        "Demographic variables that differ by design": _confounding(tables["confounding"]),
        "What is not as in the paper": departures_table(read_departures(WING, facts)),
        "Limitations": LIMITATIONS,
        "Files": [captions_table(WING), FILES.format(clear=clear)],
    }  # fmt: skip
    return frame_readme(TITLE, sections, simulated=simulated)


def _cohort(facts: Mapping[str, str]) -> str:
    lines = [
        "{source}.",
        "{n_participants} participants ({sizes}), {n_sessions} sessions; positive class {positive}. The paper: 47 MS, "
        "36 NMOSD.",
        "Regions {regions}; {n_features} features each (preset {preset}, {discretisation}); maps by {inversion}, "
        "echoes {echo_set}. {n_missing} of {n_values} values missing.{often_missing}",
        "{folds} folds{leave_out}, {repeats} repeats of the nested scheme, {permutations} permutations, seed {seed}.",
        "Confidence intervals: DeLong's variance on the logit scale, {confidence}, and Newcombe's where an AUC is 0 or "
        "1; the bootstrap's and Hanley and McNeil's are in `performance.tsv`.",
    ]
    return "\n".join(f"- {line.format_map(facts)}" for line in lines) + "\n"


def _site(table: pd.DataFrame) -> str:
    if table.empty:
        return ""
    lines = [
        f"- {row.column} ({row.participants}): AUC of the {row.column} alone {row.auc:.2f}, by chance "
        f"{row.auc_chance:.2f}, p {_say_p(row.p)}" + (": **tied to the diagnosis**" if row.tied else "")
        for row in table.itertuples()
    ]
    said = say_site(table)
    return "Where the participants come from:\n\n" + "\n".join(lines) + "\n" + (f"\n{said}.\n" if said else "")


def _performance(table4: pd.DataFrame, facts: Mapping[str, str]) -> str:
    head = [
        "Model",
        "AUC in the paper",
        "as published, here",
        "permuted labels",
        "nested, here",
        "permuted labels",
        "p",
    ]
    rows = []
    for row in table4.to_dict("records"):
        cells = [row["model"].replace("_", " ")]
        for source in (PUBLISHED, "as_published", "nested"):
            cells.append(_with_interval(*(row[f"{source}_auc{end}"] for end in ("", "_low", "_high"))))
            if source != PUBLISHED:
                cells.append(_number(row[f"{source}_auc_permuted_mean"]))
        rows.append([*cells, _say_p(row["nested_p_permutation"])])
    said = "AUC with {confidence} interval; mean AUC of permuted labels under the same scheme; p of the nested AUC."
    return markdown_table(head, rows) + "\n" + said.format_map(facts) + "\n"


def _null(table4: pd.DataFrame) -> str:
    means = {
        scheme: table4.loc[~table4["model"].eq("demographics"), f"{scheme}_auc_permuted_mean"].mean()
        for scheme in ("as_published", "nested")
    }
    if not np.isfinite(list(means.values())).all():
        return "No labels were permuted, so nothing says what the schemes find by chance.\n"
    return (
        f"Over the models with radiomic features, permuted labels give a mean AUC of {means['as_published']:.2f} as "
        f"published and {means['nested']:.2f} nested (`figureS1`).\n"
    )


def _warnings(performance: pd.DataFrame, models: list[str]) -> str:
    own = rows_of(performance.loc[performance["model"].isin(models)], scheme="nested")
    said = [f"{row.model}: {row.warning}" for row in own.itertuples() if isinstance(row.warning, str) and row.warning]
    return "Warnings of the nested scheme. " + "; ".join(said) + ".\n" if said else "No warning.\n"


def _confounding(table: pd.DataFrame) -> str:
    if table.empty:
        return "No demographic variables were given.\n"
    head = ["Scheme", "Left out", "AUC demographic", "AUC hybrid", "Gain (interval)", "p"]
    rows = []
    for row in table.itertuples():
        cells = [row.scheme.replace("_", " "), row.left_out, _number(row.auc_demographic), _number(row.auc_hybrid)]
        rows.append([*cells, _with_interval(row.gain, row.gain_low, row.gain_high), _say_p(row.p)])
    return markdown_table(head, rows)


def _with_interval(value: float, low: float, high: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")


def _number(value: float, digits: int = 2) -> str:
    return "" if not np.isfinite(value) else f"{value:.{digits}f}"


def _say_p(p: float) -> str:
    return "< .001" if p < 0.001 else _number(p, 3)
