"""Figures 4 and 5: receiver operating characteristics beside the printed AUCs (Yan et al. 2021, Figs. 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from chiomics.diagnosis.figures_roc import draw_hybrid, draw_nuclei
from chiomics.diagnosis.yan2021.published_values import read_published


def draw_figure4(roc: pd.DataFrame, performance: pd.DataFrame, nuclei: Sequence[str], warning: str = "") -> Figure:
    """Draw the nuclei; parameters as of `chiomics.diagnosis.figures_roc.draw_nuclei`."""
    return draw_nuclei(roc, performance, nuclei, warning, _printed())


def draw_figure5(roc: pd.DataFrame, performance: pd.DataFrame, models: Sequence[str], warning: str = "") -> Figure:
    """Draw demographics, one nucleus and both; parameters as of `chiomics.diagnosis.figures_roc.draw_nuclei`."""
    return draw_hybrid(roc, performance, models, warning, _printed())


def _printed() -> dict[str, float]:
    return read_published("table4").set_index("model")["auc"].to_dict()
