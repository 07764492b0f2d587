"""A step that fails its check stops with its figures, limits and ways out, unless that very step is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.registration.ants import Chain
from chiomics.anatomy.session.checks import Checks
from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


@pytest.fixture(scope="module")
def registered():
    """An image on itself: overlap and sharpness are the best there are."""
    distance = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0)
    rng = np.random.default_rng(0)
    image = Volume(np.where(distance < 9, 100 + 50 * rng.random(distance.shape), 0).astype(np.float32), AFFINE)
    brain = image.like(distance < 9)
    return image, image, Chain(), (brain, brain)


def test_limits_of_the_configuration_replace_those_of_the_stage(registered):
    assert not Checks().registration("T1w to GRE", *registered).failed
    with pytest.raises(InputError, match=r"(?s)the registration T1w to GRE failed.*overlap 1.000 below 1.5.*a T1w"):
        Checks({"overlap": 1.5}).registration("T1w to GRE", *registered, other="a T1w")


def test_an_accepted_step_passes_with_a_mark_and_no_other_does(registered):
    checks = Checks({"overlap": 1.5}, accepted=["t1w to gre"])
    assert checks.registration("T1w to GRE", *registered).failed
    (mark,) = checks.accepted_failures
    assert mark["Step"] == "T1w to GRE"
    assert "overlap 1.000 below 1.5" in mark["Reason"]
    with pytest.raises(InputError, match=r"qc_accept\.tsv"):
        checks.registration("to template", *registered)


@pytest.mark.parametrize("simulated", [True, False])
def test_the_picture_of_a_failed_step_is_marked_by_its_session(registered, tmp_path, monkeypatch, simulated):
    drawn = {}
    monkeypatch.setattr("chiomics.anatomy.session.checks.draw_failure", lambda *_, **options: drawn.update(options))
    checks = Checks({"overlap": 1.5}, picture=tmp_path / "a.png", simulated=simulated)
    with pytest.raises(InputError, match="look at"):
        checks.registration("T1w to GRE", *registered)
    assert drawn["simulated"] is simulated
