"""Figures of the study: they show the numbers of their tables, all of their text, and nothing that is not there."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from chiomics.core.figures import TWO_COLUMNS, figure_style, save_figure
from chiomics.core.origin import SIMULATED_MARK
from chiomics.robustness.fiscone2023.figure2 import draw_gray_levels, draw_subsets
from chiomics.robustness.fiscone2023.figure3 import draw_robust
from chiomics.robustness.fiscone2023.figure4 import draw_distributions, texture_panels
from chiomics.robustness.fiscone2023.figure6 import draw_sides
from chiomics.robustness.fiscone2023.figure_published import draw_published
from chiomics.robustness.fiscone2023.figure_s1 import draw_matrix
from tests.robustness.figure_tables import make_tables

AT_64 = {"setting": {"preset": "fiscone107", "n_gray_levels": 64, "bin_width": float("nan")}, "threshold": 0.85}
LEVELS = (16, 64, 256)


def draw_all(tables):
    """Draw every figure that comes from tables."""
    values, counts, optimal = tables["distributions.parquet"], tables["counts.tsv"], tables["optimal_gray_level.tsv"]
    return {
        "figure2": draw_gray_levels(optimal, counts),
        "figure2_subsets": draw_subsets(optimal, counts),
        "figure3": draw_robust(counts, tables["published.tsv"], **AT_64),
        "figure4": draw_distributions(values, tables["volumes.tsv"]),
        "figure6": draw_sides(tables["sides.tsv"], **AT_64),
        "figureS1": draw_matrix(tables["icc.parquet"], **AT_64),
        "figureS7": draw_distributions(values, panels=texture_panels(values, ["glcm", "glrlm"])),
        "figureS9": draw_matrix(tables["icc.parquet"], sides="separate", **AT_64),
        "figure_published": draw_published(tables["published.tsv"], threshold=0.85),
    }


@pytest.fixture(scope="module")
def cohort():
    """A cohort as the study's, at three grey levels to save time."""
    return make_tables(levels=LEVELS)


@pytest.fixture(scope="module")
def tiny():
    """Five sessions, two regions without sides, two grey levels, no subsets."""
    tables = make_tables(vois=("AF", "NAWM"), levels=(16, 64), n_sessions=5, cohorts=("all",), sides=False)
    tables["icc.parquet"].loc[tables["icc.parquet"]["feature"] == "Entropy", "icc"] = np.nan
    return tables


@pytest.fixture(scope="module")
def figures(cohort, tiny):
    return {"cohort": draw_all(cohort), "tiny": draw_all(tiny)}


NAMES = ["figure2", "figure2_subsets", "figure3", "figure4", "figure6", "figureS1", "figureS7", "figureS9",
         "figure_published"]  # fmt: skip


@pytest.mark.parametrize("which", ["cohort", "tiny"])
@pytest.mark.parametrize("name", NAMES)
def test_figures_fit_a_page_and_no_text_lies_on_other_text(figures, which, name):
    figure = figures[which][name]
    with figure_style():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw_without_rendering()
        # The tight box may add a label's overhang and matplotlib's margin of a tenth of an inch on both sides.
        assert figure.get_tightbbox(renderer).width <= TWO_COLUMNS + 0.3
        for axis in filter(lambda axis: axis.get_visible(), figure.axes):
            whole = axis.get_tightbbox(renderer)
            for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
                slanted = bool(labels) and labels[0].get_rotation() not in (0, 90)  # whose boxes do overlap
                boxes = [] if slanted else [label.get_window_extent(renderer) for label in labels if label.get_text()]
                boxes = [box for box in boxes if whole.overlaps(box)]
                assert not any(_overlap(one, other) for one, other in pairwise(boxes)), axis.get_title()
        titled = [axis for axis in figure.axes if axis.get_visible() and axis.get_title()]
        titles = [axis.title.get_window_extent(renderer) for axis in titled]
        assert not any(_overlap(one, other) for k, one in enumerate(titles) for other in titles[k + 1 :])


def _overlap(one, other):
    """Return whether two boxes share more than half a point along each axis."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return across > 0.5 and up > 0.5


def test_figures_are_the_same_each_time_and_marked_where_subjects_are_simulated(tiny, tmp_path):
    for run, simulated in (("a", False), ("b", False), ("c", True)):
        figure = draw_robust(tiny["counts.tsv"], tiny["published.tsv"], **AT_64)
        save_figure(figure, tmp_path / f"{run}.png", tmp_path / f"{run}.svg", simulated=simulated)
    for kind in ("png", "svg"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert SIMULATED_MARK not in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert SIMULATED_MARK in (tmp_path / "c.svg").read_text(encoding="utf-8")


def text_of(figure):
    """Collect what stands in a figure, broken lines joined."""
    texts = [item.get_text() for item in figure.findobj(lambda item: hasattr(item, "get_text"))]
    return re.sub(r"\s+", " ", " ".join(filter(None, texts)))


def test_lines_hold_the_counts_of_the_table(figures, cohort):
    axis = figures["cohort"]["figure2"].axes[0]
    table = cohort["optimal_gray_level.tsv"].query("cohort == 'all' and sides == 'merged'")
    for threshold in (0.85, 0.90):
        line = next(one for one in axis.lines if one.get_label() == f"{threshold:.2f}")
        rows = table[np.isclose(table["threshold"], threshold)].sort_values("n_gray_levels")
        np.testing.assert_array_equal(line.get_ydata(), rows["n_robust"])


def test_the_ring_stands_at_the_optimum(figures, cohort):
    axis = figures["cohort"]["figure2"].axes[0]
    rings = [line for line in axis.lines if line.get_markersize() == 7]
    assert len(rings) == 6
    assert all(LEVELS[int(x)] == 64 for ring in rings for x in ring.get_xdata())


def test_spiders_hold_the_percentages_and_the_published_ones(figures, cohort):
    figure = figures["cohort"]["figure3"]
    spider = next(axis for axis in figure.axes if axis.name == "polar")
    ours, printed = (line.get_ydata() for line in spider.lines)
    counts = cohort["counts.tsv"].query(
        "cohort == 'all' and sides == 'merged' and feature_class == 'all' and n_gray_levels == 64 and threshold == 0.85"
    )
    vois = ["AF", "CST", "FAT", "IFOF", "OR", "UF", "NAWM"]
    np.testing.assert_allclose(ours[:-1], counts.set_index("voi")["percent"][vois])
    np.testing.assert_allclose(printed[:-1], [100, 84.9, 96.8, 91.4, 95.7, 77.4, 65])
    assert ours[0] == ours[-1]


def test_two_regions_make_no_spider(figures):
    figure = figures["tiny"]["figure3"]
    assert not [axis for axis in figure.axes if axis.name == "polar"]
    assert "Spiders take three regions" in text_of(figure)


def test_sides_hold_both_counts_and_the_verdict(figures, cohort):
    figure = figures["cohort"]["figure6"]
    rows = cohort["sides.tsv"].query("cohort == 'all' and n_gray_levels == 64 and feature_class == 'all'")
    axis = next(one for one in figure.axes if one.get_title() == "all classes")
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_array_equal(lines["left"], rows["n_robust_left"])
    np.testing.assert_array_equal(lines["right"], rows["n_robust_right"])
    assert f"{rows['equivalent'].sum()} of 7 regions" in text_of(figure)


def test_matrix_is_blue_exactly_above_the_threshold(cohort):
    icc = cohort["icc.parquet"].copy()
    icc.loc[icc["feature"] == "Energy", "icc"] = 0.8499
    icc.loc[icc["feature"] == "Entropy", "icc"] = 0.8501
    image = draw_matrix(icc, **AT_64).axes[0].images[0]
    names = [label.get_text() for label in image.axes.get_yticklabels()]
    red, _, blue, _ = image.cmap(image.norm(image.get_array())).transpose(2, 0, 1)
    assert np.all(red[names.index("Energy")] > blue[names.index("Energy")])
    assert np.all(red[names.index("Entropy")] < blue[names.index("Entropy")])
    robust = np.asarray(image.get_array()) > 0.85
    np.testing.assert_array_equal(blue > red, robust)


def test_what_a_cohort_lacks_is_said(figures):
    tiny = figures["tiny"]
    assert "regions CST, FAT, IFOF, OR, UF" in text_of(tiny["figure3"])
    assert "tracts CST, FAT, IFOF, OR, UF" in text_of(tiny["figure4"])
    assert "subset patients, controls" in text_of(tiny["figure2_subsets"])
    for name in ("figure6", "figureS9"):
        assert "Left out" in text_of(tiny[name])
        assert not tiny[name].axes
    assert "published numbers have no counterpart" in text_of(tiny["figure_published"])
    assert not any("Left out" in text_of(figure) for figure in figures["cohort"].values())


def test_boxes_are_in_the_units_of_their_axes(figures, cohort):
    axes = {axis.get_title(): axis for axis in figures["cohort"]["figure4"].axes}
    values = cohort["distributions.parquet"].query("feature == 'Variance' and voi == 'AF'")["value"]
    medians = {line.get_ydata()[0] for line in axes["Variance of χ"].lines if len(set(line.get_ydata())) == 1}
    assert axes["Variance of χ"].get_ylabel() == "ppb²"
    assert min(abs(median - 1e6 * values.median()) for median in medians) < 1e-6 * 1e6 * values.median()


def test_few_sessions_are_dots_without_a_box(figures):
    axis = figures["tiny"]["figure4"].axes[0]
    assert not axis.patches
    assert sum(len(line.get_ydata()) for line in axis.lines) == 5


def test_regions_of_the_users_own_are_drawn(cohort):
    counts = cohort["counts.tsv"].replace({"voi": {"AF": "thalamus", "CST": "putamen"}})
    figure = draw_robust(counts, cohort["published.tsv"], **AT_64)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["FAT", "IFOF", "OR", "UF", "putamen", "thalamus", "NAWM"]


def test_a_bin_width_has_its_own_axis(cohort):
    by_width = {"n_gray_levels": np.nan, "bin_width": 0.002}
    optimal = cohort["optimal_gray_level.tsv"]
    both = optimal[optimal["n_gray_levels"] == 64].assign(**by_width)
    widths = pd.concat([optimal, both], ignore_index=True)
    figure = draw_gray_levels(widths, cohort["counts.tsv"])
    assert {axis.get_xlabel() for axis in figure.axes} >= {"number of grey levels", "bin width"}


def in_bins_of_fixed_width(table):
    """Return a table's rows as of bins of a fixed width."""
    return table.assign(bin_width=0.128 / table["n_gray_levels"], n_gray_levels=np.nan)


@pytest.mark.parametrize("kinds", [("number",), ("width",), ("number", "width")])
def test_the_published_number_of_grey_levels_is_said_beside_numbers_alone(tiny, kinds):
    """The study has no optimal bin width."""
    ways = {"number": lambda table: table, "width": lambda table: in_bins_of_fixed_width(table).assign(preset="own")}
    optimal, counts = (
        pd.concat([ways[kind](tiny[name]) for kind in kinds]) for name in ("optimal_gray_level.tsv", "counts.tsv")
    )
    said = "published optimum is 64 grey levels" in text_of(draw_gray_levels(optimal, counts))
    assert said == ("number" in kinds)
