"""The picture of a refused step: its texts are whole and apart, and it says whose image it is."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from chiomics.core.origin import SIMULATED_MARK
from chiomics.core.space.failure_figure import draw_failure
from chiomics.core.space.volume import Volume

NAMES = ("brain of the fixed image", "brain of the moving image")
LONG = "FLAIR to anatomy failed: overlap 0.31 (0.85 or more), " + ", ".join(
    ["mutual information 0.02 (0.1 or more)"] * 8
)


def ball(shape: tuple[int, int, int], radius: float) -> Volume:
    """Return a ball in the middle of an image, voxels of 4 mm."""
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, length) for length in shape], indexing="ij"))
    return Volume((np.sqrt((at**2).sum(axis=0)) < radius).astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))


@pytest.fixture
def written(monkeypatch) -> list[Figure]:
    """Return the list to which every figure that is written is added."""
    figures, plain = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *words, **options: (plain(figure, *words, **options), figures.append(figure))
    )
    return figures


@pytest.mark.usefixtures("texts_of_figures")
@pytest.mark.parametrize("shape", [(40, 48, 36), (40, 48, 5), (16, 60, 60)], ids=["head", "slab", "narrow"])
@pytest.mark.parametrize("title", ["brain extraction failed", LONG], ids=["short", "long"])
@pytest.mark.parametrize("rows", [("magnitude",), ("fixed", "moving, carried")], ids=["one image", "two images"])
def test_texts_are_whole_and_apart(tmp_path, shape, title, rows):
    image, outlines = ball(shape, 0.8), (ball(shape, 0.6), ball(shape, 0.7))
    draw_failure(
        tmp_path / "a.png", dict.fromkeys(rows, image), dict(zip(NAMES, outlines, strict=True)),
        title=title, simulated=True,
    )  # fmt: skip


@pytest.mark.parametrize("simulated", [True, False])
def test_it_says_that_the_subject_is_simulated_where_it_is(tmp_path, written, simulated):
    shape = (20, 24, 18)
    draw_failure(tmp_path / "a.png", {"T1w": ball(shape, 0.8)}, {}, title="failed", simulated=simulated)
    assert (SIMULATED_MARK in written[0].get_suptitle()) == simulated
