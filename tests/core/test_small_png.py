"""Figures are small files that look as they were drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from chiomics.core.figures import figure_style, save_figure, shrink_png


def test_a_figure_is_smaller_with_its_size_and_colours_and_the_same_each_time(tmp_path):
    with figure_style():
        figure, (curve, image) = plt.subplots(1, 2, figsize=(4, 2))
        curve.plot(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2)
        rows, columns = np.mgrid[:40, :40] / 40
        image.imshow(np.sin(9 * rows) * columns, cmap="gray")
        figure.savefig(tmp_path / "drawn.png", bbox_inches="tight", metadata={"Software": None})
        for name in ("first.png", "second.png"):
            save_figure(figure, tmp_path / name, simulated=False)
    drawn, first = tmp_path / "drawn.png", tmp_path / "first.png"
    assert first.read_bytes() == (tmp_path / "second.png").read_bytes()
    assert first.stat().st_size < 0.7 * drawn.stat().st_size
    before, after = Image.open(drawn), Image.open(first)
    assert after.size == before.size
    np.testing.assert_allclose(after.info["dpi"], before.info["dpi"])
    apart = np.abs(np.asarray(before.convert("RGB"), int) - np.asarray(after.convert("RGB"), int))
    # Grey levels of an image and the edges of letters share 256 colours: a step of a few of 255 is not seen.
    assert np.percentile(apart, 99) <= 8


def test_a_small_picture_stays_as_it_is(tmp_path):
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)
    Image.fromarray(colours).save(tmp_path / "four.png")
    shrink_png(tmp_path / "four.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "four.png").convert("RGB")), colours)
