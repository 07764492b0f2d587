"""The picture is written whole, shows its marks, and does not depend on the stored orientation."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chiomics.qsm.qc_figure import write_qc_figure
from tests.qsm.heads import VOXEL_SIZE, Head

pytestmark = pytest.mark.usefixtures("texts_of_figures")


def draw(path: Path, head: Head, affine: np.ndarray, turn=lambda volume: volume, **marks) -> np.ndarray:
    write_qc_figure(
        path, magnitude=turn(head.magnitude[-1]), phase=turn(head.phase[-1]), local_field=turn(head.local_field),
        chi=turn(head.chi), mask=turn(head.mask), affine=affine, title="sub-01, all echoes, ilsqr", **marks,
    )  # fmt: skip
    return plt.imread(path)


def test_orientation_and_mark(tmp_path: Path) -> None:
    head = Head(shape=(40, 44, 36))
    affine = np.diag([*VOXEL_SIZE, 1.0])
    plain = draw(tmp_path / "plain.png", head, affine)
    flipped = np.array(affine)
    flipped[0, 0], flipped[0, 3] = -affine[0, 0], 39 * affine[0, 0]
    again = draw(tmp_path / "flipped.png", head, flipped, turn=lambda volume: volume[::-1])
    assert np.array_equal(plain, again)
    marked = draw(tmp_path / "marked.png", head, affine, simulated=True)
    assert not np.array_equal(plain, marked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flipped.png", "marked.png", "plain.png"]
    bytes_once = (tmp_path / "plain.png").read_bytes()
    draw(tmp_path / "plain.png", head, affine)
    assert (tmp_path / "plain.png").read_bytes() == bytes_once
