"""The README of a paper's folder: whether a network beats lesion load, then all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.papers import captions_table, departures_table, frame_readme
from chiomics.flair.study.paper_files import to_markdown
from chiomics.flair.study.trainings import TITLES
from chiomics.flair.study.verdict import say_verdict

NAMES = {
    "wang2020": (
        "MS against NMOSD from FLAIR by a two-view network (Wang et al. 2020)",
        "Wang Z, Yu Z, Wang Y, et al. 3D compressed convolutional neural network differentiates neuromyelitis optical "
        "spectrum disorders from multiple sclerosis using automated white matter hyperintensities segmentations. "
        "Frontiers in Physiology 11:612928 (2020). doi:10.3389/fphys.2020.612928",
    ),
    "seok2023": (
        "MS against NMOSD from five FLAIR slices (Seok et al. 2023)",
        "Seok JM, Cho W, Chung YH, et al. Differentiation between multiple sclerosis and neuromyelitis optica spectrum "
        "disorder using a deep learning model. Scientific Reports 13:11625 (2023). doi:10.1038/s41598-023-38271-x",
    ),
}
HOW_TO_READ = """\
Beside every network stand models that know nothing of the image but its lesions: their volume; volume, number and
periventricular share; and their volume in cells of 16 mm. A network that does not beat them has learnt nothing that
counting does not tell. AUC intervals are a bootstrap over patients. Permuted labels show what a recipe finds in noise.
Published numbers are the paper's own cohort's; they stand beside ours for comparison and were not recomputed.
"""
LIMITS = """\
One cohort, no external validation; predicted probabilities hold for this cohort's shares of the groups. Lesion masks
are part of what is tested here: a bad mask makes a bad baseline and a bad network alike. Two neurologists who read such
images blind agreed with themselves with a kappa of .47 and .50 (Kim et al. 2020, Frontiers in Neurology 11:599042,
doi:10.3389/fneur.2020.599042). No result here supports a diagnosis.
"""


def write_readme(
    study: str,
    tables: Mapping[str, pd.DataFrame],
    fair: pd.DataFrame,
    departures: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    attention: pd.DataFrame,
    not_run: Mapping[str, str],
    sizes: Mapping[str, int],
    source: str,
    simulated: bool | str,
) -> str:
    """Write the README.

    Parameters
    ----------
    study : {"wang2020", "seok2023"}
        Whose.
    tables : mapping of str to pandas.DataFrame
        Of `study.combine.summarise_study`.
    fair : pandas.DataFrame
        Rows of ``performance`` that estimate performance, metric ``auc``.
    departures : pandas.DataFrame
        Columns topic, paper, here.
    settings : mapping
        Of the paper.
    attention : pandas.DataFrame
        Of `study.attention.summarise_attention`.
    not_run : mapping of str to str
        Arms without results, and why.
    sizes : mapping of str to int
        Participants by group.
    source : str
        Name of the cohort.
    simulated : bool or str
        Whether its subjects are simulated, or how many of them.

    Returns
    -------
    str
        Markdown.
    """
    title, citation = NAMES[study]
    said = ", ".join(f"{count} {group}" for group, count in sizes.items())
    missing = "; ".join(f"{TITLES[arm]}: {why}" for arm, why in not_run.items())
    sections = {
        "Cohort": f"{source}: {said}. Input of the networks: {settings['input']}. Seed {settings['seed']}.\n",
        "AUC of a fair evaluation": [
            HOW_TO_READ,
            _auc_table(fair, tables["performance"]),
            f"Arms without results. {missing}.\n" if missing else "",
            _published_way(study, tables, settings),
        ],
        "Where lesion load is equal and sites alone differ": _matched(tables["matched"]),
        "What else could tell the groups apart": to_markdown(tables["confounders"]),
        "Where the network looks": _attention(attention, study),
        "What is not as in the paper": departures_table(departures),
        "Limitations": LIMITS,
        "Files": [
            captions_table(f"chiomics.flair.{study}"),
            citation + "\n",
        ],
    }
    verdict = say_verdict(fair, tables["comparisons"])
    return frame_readme(title, sections, simulated=simulated, lead=verdict)


def _auc_table(fair: pd.DataFrame, performance: pd.DataFrame) -> str:
    permuted = performance[(performance["labels"] == -1) & (performance["metric"] == "auc")]
    rows = []
    for row in fair.sort_values("pooled", ascending=False).itertuples():
        null = permuted[
            (permuted["arm"] == row.arm) & (permuted["epoch"] == row.epoch) & (permuted["scheme"] == row.scheme)
        ]
        rows.append(
            {
                "model": TITLES[row.arm],
                "AUC": f"{row.pooled:.2f} ({row.low:.2f} to {row.high:.2f})",
                "permuted labels": f"{null['pooled'].iloc[0]:.2f}" if len(null) else "",
                "sessions": int(row.n_sessions),
                "repeats": int(row.n_repeats),
            }
        )
    return to_markdown(pd.DataFrame(rows))


def _published_way(study: str, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> str:
    """Say what the paper's own evaluation gives."""
    if study == "seok2023":
        return (
            "`table2.tsv` has the mean over test draws with the paper's interval and with three that say more; the "
            "paper: accuracy .761, AUC .85.\n"
        )
    own = tables["performance"]
    own = own[(own["metric"] == "accuracy") & (own["labels"] == 0) & (own["arm"] == "2v-18")]
    own = own[(own["input"] == settings["input"]) & (own["decay"] == settings["decays"][0])]
    picked = {(row.scheme, row.epoch): row.fold_mean for row in own.itertuples()}
    best, last, nested = (
        picked.get(key, np.nan) for key in (("as_published", "best"), ("as_published", "last"), ("nested", "best"))
    )
    return (
        f"The published way, where the held-out fold chooses the epoch and is reported, gives {TITLES['2v-18']} an "
        f"accuracy of {best:.3f}; the last epoch {last:.3f}; nested selection {nested:.3f}. The paper: .75 and .725 "
        "for networks that start from ImageNet.\n"
    )


def _matched(matched: pd.DataFrame) -> str:
    if matched.empty:
        return "Simulated cohorts alone can answer this: their heads can carry other lesions.\n"
    return (
        "The same simulated heads, NMOSD with the numbers and "
        "sizes of MS: what is left for a model that sees where lesions are.\n\n"
        + to_markdown(matched.assign(arm=matched["arm"].map(TITLES)).astype({"n_sessions": int, "n_repeats": int}))
    )


def _attention(attention: pd.DataFrame, study: str) -> str:
    if attention.empty:
        return "No maps were made.\n"
    counts = attention.astype({"sessions": int})
    shown = counts[["arm", "input", "weights", "layer", "class", "ratio", "hit", "hit_by_chance", "sessions"]]
    said = (
        "Share of Grad-CAM's mass on lesions over the lesions' share of the brain (ratio, 1 by chance), and how often "
        "the highest point lies on one (hit). A map that random weights give as well says nothing of what was "
        "learnt.\n\n"
    )
    if study == "wang2020":
        said = (
            "Of the 3-D ResNet-18 at its stages; of the two-view ResNet-18 at its compression blocks, each view in its "
            "own picture, since a point of a later map stands for different places in its views. There each point is "
            "weighted by its own gradient (HiResCAM, Draelos and Carin 2020).\n\n" + said
        )
    erased = attention.dropna(subset=["change_without_lesions"]) if "change_without_lesions" in attention else attention
    tail = ""
    if len(erased) and "change_without_lesions" in erased:
        tail = (
            "\nMean change of the probability when lesions, or as much normal tissue, are filled: "
            + "; ".join(
                f"{row.arm}, {row.input}: {row.change_without_lesions:.2f} and {row.change_without_tissue:.2f}"
                for row in erased.drop_duplicates(["arm", "input"]).itertuples()
            )
            + ".\n"
        )
    return said + to_markdown(shown) + tail
