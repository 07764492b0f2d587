"""The README beside the paper's tables: which method did best here, on whom, and what is not as in the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from chiomics.core.papers import captions_table, departures_table, frame_readme, read_departures
from chiomics.rims.detectors.arms import ARMS, BASELINE
from chiomics.rims.evaluation.agreement import CONSENSUS
from chiomics.rims.evaluation.chance import LEAK_MEASURES
from chiomics.rims.evaluation.lesion_level import order_of
from chiomics.rims.zhang2022.published_values import WING, published_number, read_published

TITLE = "Rim lesions of multiple sclerosis on susceptibility maps (Zhang et al. 2022)"
READING = """\
Few lesions have a rim, so accuracy and specificity are high for any detector, one that finds nothing included. Read
precision and recall (PR AUC; chance is the share of rim lesions), the partial ROC (to a false positive rate of .1,
divided by .1: chance is .05), and F1 at a stated threshold. Threshold `published` was chosen on the very fold that it
is evaluated on and is too good; `inner` was chosen on other subjects. A detector that does not beat the mean χ of the
lesion has learnt nothing about rims, and one that does not beat the forest on nine measures does not need to be deep.
"""
BEHIND = """\
The tidy tables behind them lie in `../../rims`: `performance.tsv` and `differences.tsv` (intervals of the bootstrap
over subjects), `review.tsv` (lesions to review where few rims may be missed), `subject_level.tsv` and
`correlations.tsv`, `calibration.tsv`, `error_analysis.tsv`, `chance.tsv`, `leak_check.tsv`, `detector_agreement.tsv`
(detectors as raters), `training.tsv` (every epoch, batches in which DeepSMOTE could not act), `timing.tsv`.
`../../rims/models` holds detectors for `chiomics rims predict`, research use only.

Zhang H, Nguyen TD, Zhang J, et al. QSMRim-Net: imbalance-aware learning for identification of chronic active multiple
sclerosis lesions on quantitative susceptibility maps. NeuroImage: Clinical 34:102979 (2022).
doi:10.1016/j.nicl.2022.102979
"""


def write_readme(
    tables: Mapping[str, pd.DataFrame],
    departures: pd.DataFrame,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    simulated: bool | str,
) -> str:
    """Write the README of the paper's folder.

    Parameters
    ----------
    tables : mapping
        Of `evaluation.study`.
    departures : pandas.DataFrame
        Of `departures_of`.
    settings : mapping
        Of `arms.complete_settings`.
    facts : mapping
        source, subjects, lesions, rims.
    simulated : bool or str
        Whether the lesions are simulated, or how many of them.

    Returns
    -------
    str
        Markdown; its first lines are the order of the methods.
    """
    protocol = (
        "{folds} folds of subjects, {seeds} seed(s) per fold, {epochs} epochs, size `{size}` of the networks, sampler "
        "`{sampler}`, fusion `{fusion}`, DeepSMOTE `{deepsmote}`, seed {seed}."
    )
    sections = {
        "Performance per lesion": [
            performance_rows(tables),
            READING,
            say_agreement(tables["detector_agreement"]) + "\n",
            say_leak(tables["leak_check"], tables["chance"]) + "\n",
        ],
        "Cohort and protocol": [
            "{source}: {subjects} subjects, {lesions} rated lesions, {rims} with a rim ({share:.1%}). The paper: 172, "
            "4,163 and 177 (4.25 %).\n".format_map(facts),
            protocol.format_map(settings) + "\n",
            _trained(tables),
        ],
        "What is not as in the paper": departures_table(departures),
        "Files": [captions_table(WING), BEHIND],
    }
    return frame_readme(
        TITLE, sections, simulated=simulated, lead=say_order(tables["areas"], facts, settings["left_out"])
    )


def say_order(areas: pd.DataFrame, facts: Mapping[str, Any], left_out: Sequence[str]) -> str:
    """Say which method did best, in its first sentence, and what was left out."""
    order, area = order_of(areas), areas.set_index("arm")["pr_auc"]
    said = ", ".join(f"{ARMS[arm].title} {area[arm]:.2f}" for arm in order)
    text = f"**Order of the methods here, by PR AUC (chance {facts['share']:.2f}): {said}.**"
    networks = [arm for arm in order if ARMS[arm].is_network]
    if networks and networks[0] != order[0]:
        text += f" The best network, {ARMS[networks[0]].title}, does not beat {ARMS[order[0]].title}."
    if {"qsmrim", "aprl_nn"} <= set(order) and order.index("aprl_nn") < order.index("qsmrim"):
        text += " Images add nothing here: QSMRim-Net does not beat APRL (NN), which reads the radiomic features alone."
    worse = [ARMS[arm].title for arm in order[order.index(BASELINE) + 1 :]]
    if worse:
        text += f" No better than the mean χ: {', '.join(worse)}."
    if left_out:
        names = ", ".join(ARMS[arm].title for arm in left_out)
        text += f" Left out, since PyTorch is not installed: {names}."
    return text


def performance_rows(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write the main numbers of every method as a Markdown table."""
    areas, found = tables["areas"].set_index("arm"), tables["performance"].set_index(["arm", "threshold"])
    lines = ["| Method | PR AUC | paper | pROC AUC | paper | F1, published threshold | paper | F1, inner threshold |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    printed = pd.concat([read_published("table2"), read_published("table3")]).drop_duplicates("arm").set_index("arm")
    for arm in order_of(tables["areas"]):
        cells = [ARMS[arm].title]
        for measure in ("pr_auc", "proc_auc"):
            cells += [_number(areas.loc[arm, measure]), _number(published_number(arm, measure))]
        cells += [_f1(found, arm, "published"), _number(printed["f1"].get(arm, float("nan"))), _f1(found, arm, "inner")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def say_agreement(found: pd.DataFrame) -> str:
    """Say how far each detector agrees with the consensus as a rater, and the raters with each other (Cohen's κ)."""
    detectors = found.loc[found["second"] == CONSENSUS]
    rule = "inner" if (detectors["threshold"] == "inner").any() else "published"
    own = detectors.loc[detectors["threshold"] == rule].sort_values("kappa", ascending=False)
    said = ", ".join(f"{ARMS[row.first].title} {_kappa(row)}" for row in own.itertuples())
    text = f"As raters (Cohen's κ with the consensus, threshold `{rule}`): {said}."
    # a rater who was asked only where others differ is no measure of how well raters agree
    pairs = found.loc[(found["second"] != CONSENSUS) & (found["n"] > own["n"].max() / 2)]
    raters = ", ".join(f"{row.first} and {row.second} {_kappa(row)}" for row in pairs.itertuples())
    if raters:
        text += f" Raters with each other: {raters}; the paper: 0.59."
    return text


def say_leak(found: pd.DataFrame, chance: pd.DataFrame) -> str:
    """Say what splitting lesions in place of subjects gives, and whether this cohort shows a leak (by the PR AUC)."""
    null = chance.loc[chance["scheme"] == "permuted"].groupby("arm")["auc"].mean()
    said, words = [], {True: "flatters", False: "shows no leak for"}
    for arm, own in found.groupby("arm", sort=False):
        texts = []
        for row in own.itertuples():
            text = (
                f"{LEAK_MEASURES[row.measure]} {row.lesion_split:.3f} in place of {row.subject_split:.3f}, difference "
            )
            texts.append(text + f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})".replace("-", "−"))
        if arm in null:
            texts.append(f"AUC with labels permuted {null[arm]:.2f}")
        said.append(f"{ARMS[arm].title} {'; '.join(texts)}")
    text = f"Lesions split in place of subjects, {found['repeats'].iloc[0]} pairs of splits: {'. '.join(said)}."
    judged = found.loc[found["measure"] == "ap"]
    for leaks, own in judged.groupby(judged["low"] > 0, sort=False):
        text += f" A split of lesions {words[bool(leaks)]} {', '.join(ARMS[arm].title for arm in own['arm'])}."
    if not (judged["low"] > 0).all():
        text += " That is no licence to split lesions of patients, who share a scan."
    return text


def _kappa(row: Any) -> str:
    return f"{row.kappa:.2f} ({row.low:.2f}–{row.high:.2f})"


def departures_of(settings: Mapping[str, Any]) -> pd.DataFrame:
    """List departures, the size of the networks among them."""
    table = read_departures(WING, settings)
    if settings["size"] == "published":
        return table
    small = {
        "paper": "3-D ResNet-18 of 64 to 512 channels on 32 × 32 × 16 voxels, Adam 1e-4, 40 epochs, three seeds.",
        "here": "A small network (8 to 64 channels, one block per stage, 24 × 24 × 12 voxels) that learns in minutes "
        "on two cores. Its numbers say nothing about the published one: `size: published` trains that.",
    }
    return pd.concat([pd.DataFrame([small]), table], ignore_index=True)


def _trained(tables: Mapping[str, pd.DataFrame]) -> str:
    training, timing = tables["training"], tables["timing"]
    lines = []
    if "batches_below_three_rims" in training:
        for arm, own in training.groupby("arm", sort=False):
            if ARMS[arm].oversample:
                share = own["batches_below_three_rims"].sum() / own["steps"].sum()
                lines.append(
                    f"{ARMS[arm].title}: in {share:.0%} of batches DeepSMOTE could not act (fewer than three rims)."
                )
    for arm, own in timing.groupby("arm", sort=False):
        lines.append(
            f"{ARMS[arm].title}: {own['train_seconds'].mean():.1f} CPU s per training, "
            f"{own['predict_seconds'].sum() / own['subjects'].sum():.3f} per subject to predict, features not counted."
        )
    return "\n".join(f"- {line}" for line in lines) + "\n"


def _f1(found: pd.DataFrame, arm: str, rule: str) -> str:
    if (arm, rule) not in found.index:
        return ""
    row = found.loc[(arm, rule)]
    return f"{row['f1']:.2f} ({row['f1_low']:.2f}–{row['f1_high']:.2f})"


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"
