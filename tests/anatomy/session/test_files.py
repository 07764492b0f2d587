"""The brain of a session whose susceptibility map is the user's own."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.files import SessionFiles
from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


def session(folder, chi: np.ndarray, magnitude: np.ndarray) -> tuple[SessionFiles, Volume]:
    gre = Volume(magnitude.astype(np.float32), AFFINE)
    Volume(chi.astype(np.float32), AFFINE).write(folder / "chi.nii.gz")
    return SessionFiles(chi=folder / "chi.nii.gz"), gre


def test_a_map_that_was_cut_to_the_brain_tells_it_and_else_the_magnitude_does(tmp_path) -> None:
    rng = np.random.default_rng(1)
    grid = np.linalg.norm(np.indices((48, 48, 48)) - 23.5, axis=0)
    brain, everywhere = grid < 17, 1 + rng.random((48, 48, 48))  # 1.3 l of 7 l
    files, gre = session(tmp_path, everywhere * brain, everywhere)
    assert np.array_equal(files.read_brain(gre).voxels, brain)
    files, gre = session(tmp_path, everywhere, everywhere * brain)
    assert np.array_equal(files.read_brain(gre).voxels, brain)


@pytest.mark.parametrize("radius", [24, 100], ids=["a head before air", "the whole field of view"])
def test_a_head_is_not_taken_for_a_brain(tmp_path, radius: float) -> None:
    head = np.linalg.norm(np.indices((48, 48, 48)) - 23.5, axis=0) < radius  # 3.7 l and more
    files, gre = session(tmp_path, head, head)
    with pytest.raises(
        InputError, match=r"chi.nii.gz: the brain is not known: there is no brain mask.*desc-brain_mask"
    ):
        files.read_brain(gre)
