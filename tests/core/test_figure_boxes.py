"""What looks at the texts of figures sees those that lie on one another and those that are cut."""

from __future__ import annotations

from chiomics.core.figures import blank
from tests.core.figure_boxes import beyond_page, crowded_ticks, overlaps, wider_than_page


def test_texts_that_overlap_or_are_cut_are_found():
    figure = blank(height=3)
    axis = figure.subplots()
    assert not overlaps(figure) and not crowded_ticks(figure) and not beyond_page(figure)
    assert not wider_than_page(figure)
    axis.set_xticks([0.5, 0.51], ["one tick", "other tick"])
    figure.text(0.5, 0.5, "one")
    figure.text(0.51, 0.51, "other")
    figure.text(0.99, 0.02, "cut at the edge")
    assert overlaps(figure) == [("one", "other")]
    assert crowded_ticks(figure) == [("one tick", "other tick")]
    assert beyond_page(figure) == ["cut at the edge"]
    assert wider_than_page(figure) == ["8.2 of 7.2 inches"]
