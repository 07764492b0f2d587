"""The page of a session's anatomy says what is shown and where."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

from chiomics.anatomy.session import qc_figure
from chiomics.core.space.volume import Volume

pytestmark = pytest.mark.usefixtures("texts_of_figures")

SHAPE = (24, 28, 20)
#: Stored from right to left and from anterior to posterior, its first voxel at (30, 40, -20) mm.
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -2, 0, 40], [0, 0, 2, -20], [0, 0, 0, 1]])


def block(low: int, high: int, z: slice = slice(4, 16)) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[low:high, low:high, z] = True
    return mask


@pytest.fixture
def drawn(monkeypatch):
    """Return what the pages of a test show, once they are written."""
    shown = {}
    plain = qc_figure.Figure.savefig

    def keep(figure, *args, **options):
        plain(figure, *args, **options)
        shown["texts"] = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
        shown["axes"] = len([axes for axes in figure.axes if axes.images])

    monkeypatch.setattr(qc_figure.Figure, "savefig", keep)
    return shown


@pytest.fixture
def page(drawn, tmp_path):
    image = Volume(np.random.default_rng(0).uniform(0, 900, SHAPE).astype(np.float32), AFFINE)
    lesion = block(10, 12, slice(12, 14))
    qc_figure.write_anatomy_page(
        tmp_path / "page.png", chi=image.like(image.voxels * 1e-4), structural=image, structural_name="T1w",
        outlines={"brain": block(2, 22), "NAWM": block(6, 18) & ~lesion, "lesions": lesion}, tracts={},
        nuclei={"THA": block(8, 12)}, title="sub-01", flair=image, facts=["lesions: own.nii.gz"], warnings=["look"],
    )  # fmt: skip
    return drawn


def test_lesions_that_nobody_knows_do_not_look_like_none(drawn, tmp_path):
    image, nothing = Volume(np.full(SHAPE, 500, np.float32), AFFINE), np.zeros(SHAPE, bool)
    qc_figure.write_anatomy_page(
        tmp_path / "page.png", chi=None, structural=image, structural_name="T1w", tracts={}, nuclei={}, title="sub-01",
        outlines={"brain": block(2, 22), "NAWM": nothing, "lesions": nothing}, flair=image, unknown=["lesions", "NAWM"],
    )  # fmt: skip
    assert drawn["texts"].count("lesions: NOT KNOWN") == 2, "beside the T1w and beside the FLAIR"
    assert {"lesions", "NAWM"}.isdisjoint(drawn["texts"])


def test_every_image_has_its_name_and_the_map_its_scale(page):
    assert {"T1w", "FLAIR", "NAWM", "brain", "lesions", "THA", "lesions: own.nii.gz", "look"} <= set(page["texts"])
    assert page["texts"].count(qc_figure.CHI_LABEL) == 2  # beside the row and at its colour bar
    assert any("0.15" in text for text in page["texts"])
    assert page["axes"] >= 4 * 5


def test_slices_are_named_by_where_they_lie(page):
    # The largest lesion load is at the first of the two planes that hold the lesion, index 12, at -20 + 2 * 12 mm.
    assert "z = 4 mm" in page["texts"]
    # The middle of the thalamus, indices 8 to 11 from anterior: 40 - 2 * 9.5 = 21 mm, at a whole voxel.
    assert {"y = 20 mm", "y = 22 mm"} & set(page["texts"])
