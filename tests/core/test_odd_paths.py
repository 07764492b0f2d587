"""Paths with blanks, commas, brackets and braces: programs that part their arguments there never see them."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask

from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.settings import settings
from chiomics.core.errors import InputError
from chiomics.core.files import plain_folder
from chiomics.core.space.transforms import Chain, resample
from chiomics.qsm.masks.template_mask import mend_by_template
from tests.anatomy.template_heads import head, rigid

ODD = "a b, c [0] {d} (e);f 'g' é"
SHORT = {"iterations": [2, 1]}
QUICK = settings("fast", {"rigid": SHORT, "affine": SHORT, "nonlinear": SHORT | {"resolution": 8.0}})


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Make both the results' and the temporary folder odd ones."""
    for name in ("results", "temporary"):
        (tmp_path / name / ODD).mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary" / ODD))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path / "results" / ODD
    assert not list((tmp_path / "temporary" / ODD).iterdir()), "what is temporary goes"


def test_a_plain_folder_is_itself(tmp_path):
    (tmp_path / "a-b_c.1").mkdir()
    with plain_folder(tmp_path / "a-b_c.1") as plain:
        assert plain == tmp_path / "a-b_c.1"


def test_an_odd_folder_has_a_plain_name_while_it_is_used(odd):
    with plain_folder(odd) as plain:
        assert not re.search(r"[\s,\[\]{}();']", str(plain))
        (plain / "file").write_text("here")
        assert (odd / "file").read_text() == "here"
    assert not plain.exists()
    assert (odd / "file").exists(), "the link goes, not what it leads to"


def test_where_no_name_is_plain_it_says_so(odd, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InputError, match="TMPDIR"), plain_folder(odd):
        pass


def test_a_registration_in_an_odd_folder_gives_the_bytes_of_one_in_a_plain_folder(odd, tmp_path):
    fixed, brain = head(rigid((0, 0, 0), (0, 0, 0)))
    moving, _ = head(rigid((3, -2, 4), (2, -5, 3)), contrast="FLAIR", seed=1)
    found = {}
    for folder in (odd / "kept", tmp_path / "kept"):
        chain = register(moving, fixed, settings=QUICK, out_dir=folder, kind="nonlinear", fixed_mask=brain)
        names = {path.name: path.read_bytes() for path in folder.iterdir()}
        found[folder] = names, resample(moving, fixed, Chain.read(folder)).voxels, resample(moving, fixed, chain).voxels
    (names, again, at_once), (plain_names, *plain) = found.values()
    assert names == plain_names
    for voxels, expected in zip((again, at_once), plain, strict=True):
        np.testing.assert_array_equal(voxels, expected)
        assert np.ptp(voxels) > 0


def test_a_brain_mask_is_mended_with_an_odd_folder_of_temporary_files(odd):
    image = load_mni152_brain_mask(resolution=4)
    damaged = image.get_fdata() > 0
    damaged[20:26, 24:30, 22:28] = False
    mended, fits = mend_by_template(damaged, image.affine)
    assert fits
    assert mended[20:26, 24:30, 22:28].all()


@pytest.mark.skipif(shutil.which("dwidenoise") is None, reason="MRtrix3 is not installed")
def test_mrtrix_runs_in_the_plain_name_of_an_odd_folder(odd):
    from chiomics.anatomy.diffusion.preprocessing import DiffusionSeries, prepare_diffusion
    from tests.anatomy import diffusion_phantom as phantom

    series = DiffusionSeries(**phantom.write_series(odd, count=8))
    with plain_folder(odd) as plain:
        prepared = prepare_diffusion(series, scratch=plain)
        assert nib.load(prepared.image).shape[3] == prepared.gradients.b_values.size


def test_tracts_are_traced_in_a_plain_folder(odd, monkeypatch):
    from chiomics.anatomy.diffusion import session

    seen = []
    for name in ("Chain", "Volume"):
        monkeypatch.setattr(session, name, type("Stub", (), {"read": lambda _: Chain()}))
    monkeypatch.setattr(session, "trace_tracts", lambda *_, scratch, **__: seen.append(Path(scratch)))
    monkeypatch.setattr(session, "write_traced", lambda *_, **__: None)
    atlas = type("Atlas", (), {"kind": "tracts", "structures": dict, "to_template": Chain, "sidecar": dict})
    options = dict.fromkeys(("gre", "registration", "settings"))
    session.trace_session(None, odd, odd, atlas=atlas, scratch=odd / "work", **options)
    assert re.fullmatch(r"[\w/.-]+", str(seen[0]))
