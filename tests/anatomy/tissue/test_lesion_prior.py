"""Where lesions lie and what FLAIR normally shows: symmetric, in white matter, and beside the ventricles."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.tissue.lesion_prior import flair_caps, lesion_density
from chiomics.anatomy.tissue.lesions import LesionSettings, lesion_probability
from chiomics.core.space.template import template_priors
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume


def at(volume: Volume, *points: tuple[float, float, float]) -> np.ndarray:
    index = np.linalg.inv(volume.affine) @ np.c_[np.array(points, float), np.ones(len(points))].T
    return volume.voxels[tuple(np.rint(index[:3]).astype(int))]


def test_density_is_relative_and_symmetric_and_highest_beside_the_ventricles():
    density = lesion_density()
    white = resample(template_priors(4.0)["WM"], density, Chain()).voxels
    assert (density.voxels * white).sum() / white.sum() == pytest.approx(1, rel=1e-4)
    left, right = at(density, (-26, -32, 24)), at(density, (26, -32, 24))
    assert left == pytest.approx(right, rel=0.1)  # one voxel of 4 mm beside the other's mirror image
    periventricular, midline_cortex, cerebellum = at(density, (-26, -32, 24), (0, 50, 20), (-30, -60, -40))
    assert periventricular > 2
    assert max(midline_cortex, cerebellum) < 0.5  # the mean of white matter is 1


def test_caps_are_at_the_horns_and_nowhere_else():
    caps = flair_caps()
    assert caps.voxels.min() >= 0
    assert caps.voxels.max() <= 1
    horn, body_wall, centrum = at(caps, (-18, 32, 6), (-30, -10, 26), (-28, 0, 40))
    assert horn > 0.4
    assert max(body_wall, centrum) < 0.2


def test_the_load_alone_moves_the_odds(monkeypatch):
    from chiomics.anatomy.tissue import lesions

    shape, voxel = (24, 24, 24), np.full(3, 2.0)
    brain = np.ones(shape, bool)
    odds = np.full(shape, -4.0)
    odds[4:8, 4:8, 4:8] = 4.0  # clear: 64 voxels of 8 mm3
    odds[8:10, 4:8, 4:8] = -0.2  # faint, beside it
    odds[18:21, 18:21, 18:21] = -0.2  # as faint, alone
    features = np.zeros((brain.sum(), len(lesions.NAMES)))
    features[:, 0] = odds[brain]
    model = np.zeros(len(lesions.NAMES))
    model[0] = 1
    monkeypatch.setattr(lesions, "lesion_features", lambda *_: (features, np.ones(shape, np.float32)))
    monkeypatch.setattr(lesions, "coefficients_of_model", lambda: (model, 0.0))
    monkeypatch.setattr(lesions, "USUAL_LOAD", 0.1)  # ml: 0.5 ml are then many
    given = (np.zeros(shape), np.zeros(shape), brain, np.zeros((3, *shape)), voxel)
    plain, *_ = lesion_probability(*given, settings=LesionSettings(adapt_to_load=False))
    heavy, sure, _ = lesion_probability(*given)
    assert heavy[18:21, 18:21, 18:21].min() >= 0.5 > plain[18:21, 18:21, 18:21].max()
    assert sure[4:8, 4:8, 4:8].min() > 0 > sure[18:21, 18:21, 18:21].max()  # no seed: it is not a new lesion
    monkeypatch.setattr(lesions, "USUAL_LOAD", 100.0)
    light, *_ = lesion_probability(*given)
    assert (light <= plain).all()
    spared, *_ = lesion_probability(*given, places={"caps": np.ones(shape, np.float32)})
    assert (spared <= light).all()
