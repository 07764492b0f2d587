"""The picture of the workflow: every rule, every arrow that counts, downwards, and no box on another."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from chiomics.core.errors import InputError
from chiomics.report.layered_layout import place_layers, transitive_reduction
from chiomics.report.workflow_figure import draw_workflow, read_rule_graph, upstream_of

DOT = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
    edge[penwidth=2, color=grey];
\t0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
\t1[label = "describe_cohort", color = "0.13 0.6 0.85", style="rounded"];
\t2[label = "reconstruct_qsm", color = "0.47 0.6 0.85", style="rounded"];
\t3[label = "simulate_subject", color = "0.53 0.6 0.85", style="rounded"];
\t4[label = "extract_features", color = "0.20 0.6 0.85", style="rounded"];
\t1 -> 0
\t2 -> 0
\t4 -> 0
\t3 -> 2
\t3 -> 4
\t2 -> 4
}
"""
EDGES = {
    ("describe_cohort", "all"),
    ("reconstruct_qsm", "all"),
    ("extract_features", "all"),
    ("simulate_subject", "reconstruct_qsm"),
    ("simulate_subject", "extract_features"),
    ("reconstruct_qsm", "extract_features"),
}
#: Graphs without circles: arrows go from a smaller to a larger number.
GRAPHS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=30).map(
    lambda pairs: [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]] or [(0, 1)]
)


def reach(edges):
    """Return what can be reached from each node, by brute force."""
    found = {node: {node} for edge in edges for node in edge}
    for _ in found:
        for tail, head in edges:
            found[tail] |= found[head]
    return found


def test_the_graph_of_snakemake_is_read():
    assert set(read_rule_graph(DOT)) == EDGES


def test_a_text_without_arrows_is_an_error():
    with pytest.raises(InputError, match="no edge"):
        read_rule_graph("Building DAG of jobs...")
    with pytest.raises(InputError, match="no edge"):
        draw_workflow([])


def test_only_what_leads_to_the_target_is_kept():
    assert set(upstream_of(sorted(EDGES), "extract_features")) == {edge for edge in EDGES if edge[1] != "all"}


@settings(max_examples=60, deadline=None)
@given(GRAPHS)
def test_reduction_keeps_what_can_be_reached_and_nothing_twice(edges):
    reduced = transitive_reduction(edges)
    assert reach(reduced) == reach(edges)
    for edge in reduced:
        rest = [other for other in reduced if other != edge]
        assert edge[1] not in reach([*rest, (edge[0], edge[0])])[edge[0]]


@settings(max_examples=60, deadline=None)
@given(GRAPHS)
def test_arrows_go_down_and_boxes_keep_their_distance(edges):
    widths = {node: 0.5 + 0.1 * node for edge in edges for node in edge}
    places, ways = place_layers(edges, widths, gap=0.2)
    assert set(places) == set(widths)
    assert min(x - widths[node] / 2 for node, (x, _) in places.items()) >= -1e-9
    for tail, head in edges:
        assert places[tail][1] < places[head][1]
        way = ways[tail, head]
        assert [layer for _, layer in way] == list(range(places[tail][1], places[head][1] + 1))
        assert (way[0], way[-1]) == (places[tail], places[head])
    for layer in {place[1] for place in places.values()}:
        row = sorted((x, widths[node]) for node, (x, own) in places.items() if own == layer)
        assert all(right - left - (a + b) / 2 >= 0.2 - 1e-9 for (left, a), (right, b) in pairwise(row))


@settings(max_examples=60, deadline=None)
@given(GRAPHS)
def test_arrows_that_pass_a_layer_pass_beside_its_boxes(edges):
    widths = {node: 1.0 for edge in edges for node in edge}
    places, ways = place_layers(edges, widths, gap=0.2)
    for way in ways.values():
        for x, layer in way[1:-1]:
            assert all(abs(x - other) > 0.5 for other, own in places.values() if own == layer)


def test_a_circle_is_named():
    with pytest.raises(InputError, match="circle"):
        draw_workflow([("a", "b"), ("b", "c"), ("c", "a")])


def test_every_rule_is_drawn_once_and_an_implied_arrow_is_not():
    figure = draw_workflow(sorted(EDGES), stages={"reconstruct_qsm": "qsm", "extract_features": "radiomics"})
    axis = figure.axes[0]
    assert sorted(text.get_text().replace("\n", "") for text in axis.texts) == sorted({n for e in EDGES for n in e})
    arrows = [patch for patch in axis.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 4  # not simulate_subject -> extract_features, not reconstruct_qsm -> all
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"susceptibility maps", "radiomic features", "targets and further rules"}


def test_rules_that_differ_by_a_number_share_their_stage():
    figure = draw_workflow([("reconstruct_qsm_2", "all")], stages={"reconstruct_qsm": "qsm"})
    assert "susceptibility maps" in {text.get_text() for text in figure.legends[0].get_texts()}


@pytest.mark.parametrize(
    "about", [{}, {"b": "Say in a dozen words and more what this rule is for, at length (S-1).", "c": "So."}]
)
def test_the_text_of_a_box_lies_in_it(about):
    edges = [("an_extraordinarily_long_name_of_a_rule", "b"), ("m" * 15, "b"), ("b", "c")]
    figure = draw_workflow(edges, about=about)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    axis = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in axis.patches if type(patch).__name__ == "FancyBboxPatch"]
    inner = [text.get_window_extent(renderer) for text in axis.texts]
    for text, own in zip(axis.texts, inner, strict=True):
        assert any(box.x0 <= own.x0 and own.x1 <= box.x1 and box.y0 <= own.y0 and own.y1 <= box.y1 for box in boxes), (
            text
        )
        # Extents reach from the ascenders to the descenders of a line; half a point of them may meet.
        others = [other for other in inner if other is not own and other.x0 < own.x1 and own.x0 < other.x1]
        assert all(other.y0 > own.y1 - 1 or own.y0 > other.y1 - 1 for other in others), text
    shown = " ".join(text.get_text() for text in axis.texts)
    assert ("Say in a dozen" in shown) == bool(about)
    assert "S-1" not in shown


def test_descriptions_that_do_not_fit_a_page_are_left_out():
    edges = [(f"rule{k}", "last") for k in range(9)]
    figure = draw_workflow(edges, about={f"rule{k}": "what this is for " * 3 for k in range(9)})
    assert not any("what" in text.get_text() for text in figure.axes[0].texts)
