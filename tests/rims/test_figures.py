"""Figures of Zhang et al. 2022: they fit a page, no text lies on another, and they show the numbers of the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.rims.detectors.lesions import KEYS
from chiomics.rims.evaluation.study import evaluate
from chiomics.rims.zhang2022 import figures_cohort as cohort
from chiomics.rims.zhang2022 import figures_performance as shown
from chiomics.rims.zhang2022.facts import study_facts
from tests.core.figure_boxes import PAGE, crowded_ticks, overlaps, width
from tests.rims.cohorts import make_lesions, make_settings

ALL = ("qsmrim", "rimnet", "aprl_rf", "aprl_nn", "reference", "mean_chi")


def guess(lesions, arms) -> pd.DataFrame:
    """Return what detectors of different worth would say."""
    rng, parts = np.random.default_rng(0), []
    fold = pd.factorize(lesions.subjects)[0] % 4
    for place, arm in enumerate(arms):
        for role in ("test", "inner"):
            score = 1 / (1 + np.exp(-(4 - place) * (lesions.labels - 0.4) - rng.normal(size=len(fold))))
            frame = lesions.table[KEYS].assign(arm=arm, fold=fold, seed=0, role=role, label=lesions.labels)
            parts.append(frame.assign(probability=score, calibrated=score**2))
    return pd.concat(parts, ignore_index=True)


def draw_all(lesions, arms) -> dict:
    """Draw every figure that comes from lesions and tables."""
    tables = evaluate(guess(lesions, arms), lesions.table, make_settings())
    facts, arm = study_facts(lesions, source="a cohort"), arms[0]
    chance = pd.DataFrame([
        {"arm": forest, "scheme": scheme, "number": number, "auc": value + 0.01 * number, "ap": value - 0.02 * number}
        for forest in ("reference", "aprl_rf") for number in range(3)
        for scheme, value in (("subject_split", 0.9), ("lesion_split", 0.93), ("permuted", 0.45))
    ])  # fmt: skip
    return {
        "figure1": cohort.draw_examples(lesions),
        "figure2": cohort.draw_annotation(lesions, facts),
        "figure3": cohort.draw_histogram(lesions),
        "figure6": shown.draw_curves(tables, facts["share"]),
        "figure7": shown.draw_counts(tables["subject_counts"], tables["subject_level"], arm),
        "figure8": cohort.draw_outcomes(lesions, tables["calls"], arm, rule="published"),
        "figureS1": shown.draw_calibration(tables),
        "figureS2": shown.draw_chance(chance),
        "figureS3": shown.draw_errors(tables["error_analysis"], arm, rule="published"),
    }


COHORTS = {
    "all methods": lambda: (make_lesions(subjects=20, per_subject=6, shape=(16, 16, 8)), ALL),
    "one method": lambda: (make_lesions(subjects=8, per_subject=3, rims=1, shape=(16, 16, 8)), ALL[-1:]),
}


@pytest.mark.parametrize("which", COHORTS)
def test_no_text_lies_on_another(which):
    for name, figure in draw_all(*COHORTS[which]()).items():
        assert not overlaps(figure), name
        assert not crowded_ticks(figure), name
        assert width(figure) <= PAGE, name


def test_networks_are_drawn_as_they_are_built():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from chiomics.rims.zhang2022 import figures_network as network

    for size in ("demo", "published"):
        settings = make_settings(size=size)
        for draw in (network.draw_network, network.draw_deepsmote):
            figure = draw(settings, features=527, patch=(32, 32, 16))
            assert not overlaps(figure) and width(figure) <= PAGE, (draw.__name__, size)
