"""What the diffusion images of a session saw of its brain, also where nothing could be traced on them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from chiomics.anatomy import files as kept
from chiomics.anatomy.diffusion import tracts as tracing
from chiomics.anatomy.diffusion.programs import ProgramError
from chiomics.anatomy.diffusion.session import write_traced
from chiomics.anatomy.diffusion.tracts import Tracts, trace_tracts
from chiomics.anatomy.session.coverage import measure_coverage, template_points
from chiomics.anatomy.session.regions import _seen
from chiomics.core.files import write_sidecar
from chiomics.core.space.template import template_mask
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

#: World of the diffusion images beside that of the anatomical image, mm.
ASIDE = np.array([6.0, -9.0, 4.0])


@pytest.fixture
def segmentation(tmp_path):
    """Return the folder of a session whose anatomical image is the template itself, a magnitude's, without FLAIR."""
    folder = tmp_path / "segmentation"
    for chain in (kept.TO_TEMPLATE, kept.TO_GRE):
        Chain().write(folder / chain)
    write_sidecar(folder / kept.SIDECAR, {"AnatomicalImage": "magnitude of the gradient echo"})
    return folder


def test_the_share_that_the_diffusion_images_saw_is_measured_through_their_registration(segmentation, tmp_path):
    brain, points = template_mask(2.0), template_points()
    above = {name: (found[2] > 15).mean() for name, found in points.items()}
    cut = int(np.rint((np.linalg.inv(brain.affine) @ [0, 0, 15, 1])[2]))
    affine = brain.affine.copy()
    affine[:3, 3] += affine[:3, 2] * cut - ASIDE  # the slab of the upper head, in the diffusion images' own world
    slab = Volume(np.ones((*brain.voxels.shape[:2], brain.voxels.shape[2] - cut), bool), affine)
    moved = np.eye(4)
    moved[:3, 3] = ASIDE
    to_anatomy = Chain.from_matrix(moved, tmp_path / "moved.mat")
    write_traced(Tracts({}, {}, to_anatomy=to_anatomy, sidecar={"TractRoute": "none"}, seen=slab), tmp_path / "traced")

    shares, warnings = measure_coverage(points, _seen(segmentation, brain, brain, tmp_path / "traced", has_gre=False))
    # One 3 mm plane of points more or less: 2 % of the brain.
    assert shares["DWI"] == {name: pytest.approx(share, abs=0.05) for name, share in above.items()}
    assert [text for text in warnings if text.startswith("the DWI saw")]
    assert "DWI" not in _seen(segmentation, brain, brain, None, has_gre=False)


@pytest.mark.parametrize("registered", [True, False])
def test_what_was_seen_is_kept_where_a_program_stops_after_the_registration(registered, monkeypatch, tmp_path):
    head = Volume(np.ones((8, 8, 8), np.float32), np.diag([4.0, 4, 4, 1]))
    quality = SimpleNamespace(failed=not registered, reason="no overlap")
    prepared = SimpleNamespace(unweighted=head, mask=head, steps={})

    def stop(*arguments, **options):
        raise ProgramError("dwi2tensor stopped")

    for name, found in {
        "missing_programs": list, "prepare_diffusion": lambda *_, **__: prepared,
        "register": lambda *_, **__: Chain(), "assess": lambda *_, **__: quality,
        "_numbers": lambda quality: {}, "tract_regions": stop,
    }.items():  # fmt: skip
        monkeypatch.setattr(tracing, name, found)
    found = trace_tracts(
        None, {("CST", "L"): head}, anatomy=head, anatomy_mask=head, atlas_to_anatomy=Chain(), anatomy_to_gre=Chain(),
        gre=head, registration=None, scratch=tmp_path,
    )  # fmt: skip
    assert not found.masks and found.sidecar["Warning"]
    assert (found.seen is not None) is (found.to_anatomy is not None) is registered
