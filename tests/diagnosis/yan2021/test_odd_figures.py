"""Figures of any cohort: no title, letter, legend or caption lies on another one."""

from __future__ import annotations

import pandas as pd
import pytest

from chiomics.diagnosis.yan2021.enrolment import count_flow
from chiomics.diagnosis.yan2021.figure1 import draw_enrolment
from chiomics.diagnosis.yan2021.figure4_5 import draw_figure4, draw_figure5
from chiomics.diagnosis.yan2021.figure_s1 import draw_null
from chiomics.diagnosis.yan2021.figure_s2_s3 import draw_counts, draw_stability
from chiomics.diagnosis.yan2021.figure_s4_s5 import draw_calibration, draw_decision
from tests.core.figure_boxes import PAGE, overlaps, width
from tests.diagnosis.study import small_study

NUCLEI = {
    "one": ["DN"],
    "seven": ["DN", "GP", "HCN", "PUT", "RN", "SN", "THA"],
    "long": [
        "Left caudate nucleus head", "Right putamen posterior part", "globus pallidus internus", "red nucleus",
        "thalamus ventral lateral", "substantia nigra compacta", "dentate nucleus",
    ],
}  # fmt: skip
GROUPS = {"MS": "relapsing remitting multiple sclerosis", "NMOSD": "neuromyelitis optica spectrum disorder"}


def renamed(table, names):
    """Return the rows of one nucleus to others."""
    if "model" not in table:
        return table
    own = [table[table["model"] == "DN"].assign(model=name) for name in names]
    return pd.concat([*own, table[~table["model"].isin(["DN", "RN"])]], ignore_index=True)


@pytest.mark.parametrize("which", NUCLEI)
def test_no_text_lies_on_another(which):
    study, nuclei = small_study(), NUCLEI[which]
    tables = {name: renamed(table, nuclei) for name, table in study.tables.items()}
    of, models = tables["performance"], [*nuclei, "demographics", "hybrid"]
    figures = {
        "figure4": draw_figure4(tables["roc"], of, nuclei),
        "figure5": draw_figure5(tables["roc"], of, ["demographics", nuclei[0], "hybrid"]),
        "figureS1": draw_null(tables["permutation"], of, models),
        "figureS2": draw_counts(tables["selection_counts"], nuclei, p_threshold=0.05),
        "figureS3": draw_stability(tables["selection_stability"], tables["selected"], nuclei),
        "figureS4": draw_calibration(tables["calibration"], of, models),
        "figureS5": draw_decision(tables["decision_curve"], of, models),
    }
    for name, figure in figures.items():
        assert not overlaps(figure), name
        assert width(figure) <= PAGE, name


def test_long_names_of_groups_stay_in_their_boxes():
    study = small_study()
    cohort = study.cohort.assign(group=study.cohort["group"].map(GROUPS))
    figure = draw_enrolment(count_flow(None, cohort, {**study.settings, "groups": list(GROUPS.values())}))
    assert not overlaps(figure)
