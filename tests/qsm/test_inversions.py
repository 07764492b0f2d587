"""Laws of the dipole inversions: known sources come back, whatever the axes, the voxels, the unit and the backend."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.errors import InputError, SettingError
from chiomics.qsm.dipole import dipole_field
from chiomics.qsm.fourier import Backend
from chiomics.qsm.inversions.ilsqr import ilsqr
from chiomics.qsm.inversions.invert import INVERSIONS as NAMES
from chiomics.qsm.inversions.invert import complete_parameters
from chiomics.qsm.inversions.l1 import l1
from chiomics.qsm.inversions.l2 import l2
from chiomics.qsm.inversions.medi import medi
from chiomics.qsm.inversions.star import star
from chiomics.qsm.inversions.tkd import tkd
from chiomics.qsm.inversions.tv import REGULARISATION, tv

OBLIQUE = np.array([0.3, -0.4, 0.866])
OBLIQUE = OBLIQUE / np.linalg.norm(OBLIQUE)

INVERSIONS = {
    "tkd": tkd,
    "l2": l2,
    "ilsqr": ilsqr,
    "ilsqr-fast": lambda *args, **kwargs: ilsqr(*args, fast=True, **kwargs),
    "tv": tv,
    "star": star,
    "medi": medi,
    "l1": l1,
}
#: Share of Δχ that may be lost. The closed forms damp or cut the cone; all others restore it.
LOSS = {"tkd": 0.2, "l2": 0.2, "ilsqr": 0.1, "ilsqr-fast": 0.1, "tv": 0.1, "star": 0.1, "medi": 0.1, "l1": 0.1}
each_inversion = pytest.mark.parametrize("name", INVERSIONS)


def ellipsoid(shape, voxel_size, radius, centre=(0, 0, 0)):
    axes = [(np.arange(n) - n // 2) * h - c for n, h, c in zip(shape, voxel_size, centre, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return x**2 + y**2 + z**2 <= radius**2


def head(voxel_size=(2.0, 2.0, 2.0), b0_direction=(0, 0, 1), shape=(40, 36, 32)):
    """Two sources in a ball of tissue, and what their field is."""
    mask = ellipsoid(shape, voxel_size, 28)
    chi = 0.10 * ellipsoid(shape, voxel_size, 8, (8, 0, 0)) - 0.05 * ellipsoid(shape, voxel_size, 7, (-10, 4, 4))
    chi = chi.astype(np.float32)
    field = dipole_field(chi, voxel_size=voxel_size, b0_direction=b0_direction)
    return {
        "chi": chi,
        "field": field * mask,
        "mask": mask,
        "voxel_size": voxel_size,
        "b0_direction": b0_direction,
        "magnitude": (1 + 5 * np.abs(chi)) * mask,
    }


def invert(name, case, **parameters):
    if name == "medi":
        parameters.setdefault("magnitude", case["magnitude"])
    geometry = {"voxel_size": case["voxel_size"], "b0_direction": case["b0_direction"]}
    return INVERSIONS[name](case["field"], case["mask"], **geometry | parameters)


def contrast(chi, case):
    """Difference of the two sources' means, which does not depend on the reference."""
    return chi[case["chi"] > 0].mean() - chi[case["chi"] < 0].mean()


@each_inversion
@pytest.mark.parametrize("b0_direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), OBLIQUE], ids=["x", "y", "z", "oblique"])
def test_known_susceptibility_comes_back(name, b0_direction):
    case = head(b0_direction=b0_direction)
    assert contrast(invert(name, case), case) == pytest.approx(0.15, rel=LOSS[name])


@each_inversion
@pytest.mark.parametrize("voxel_size", [(1.5, 1.5, 3.0), (3.0, 3.0, 3.0)])
def test_defaults_hold_for_other_voxels(name, voxel_size):
    shape = tuple(2 * round(36 / h) for h in voxel_size)
    case = head(voxel_size=voxel_size, b0_direction=OBLIQUE, shape=shape)
    # Sources of 7 mm have two voxels of 3 mm to their radius, most of them at the edge: half as much again is lost.
    assert contrast(invert(name, case), case) == pytest.approx(0.15, rel=1.5 * LOSS[name])


@each_inversion
def test_axes_have_no_names(name):
    """Axes in another order, one of them reversed, give the same map: float32 rounding, amplified by the iterations."""
    case = head(b0_direction=OBLIQUE, voxel_size=(2.0, 2.0, 2.5))
    chi = invert(name, case)

    def turn(volume):
        return volume.transpose(2, 0, 1)[:, ::-1]

    turned = {key: turn(case[key]) for key in ("field", "mask", "magnitude", "chi")}
    turned["voxel_size"] = (2.5, 2.0, 2.0)
    turned["b0_direction"] = OBLIQUE[[2, 0, 1]] * (1, -1, 1)
    error = np.abs(invert(name, turned) - turn(chi))[turned["mask"]]
    if name.startswith("ilsqr"):
        # The forward difference of the streak estimate looks the other way along a reversed axis.
        assert np.sqrt(np.mean(error**2)) < 0.02 * np.ptp(chi)
    else:
        assert error.max() < (0.03 if name in ("tv", "star", "medi", "l1") else 1e-4) * np.ptp(chi)


@pytest.mark.parametrize("name", [name for name in INVERSIONS if name != "medi"])
def test_scales_with_the_field(name):
    """χ is homogeneous in the field where the parameters in ppm are scaled too (MEDI's smoothing of |∇χ| is fixed)."""
    case = head()
    chi = invert(name, case)
    scale = 4.0  # a power of two: float32 rounds alike
    parameters = {
        "tv": {"regularisation": 4 * REGULARISATION, "gradient_penalty": 50.0},
        "l1": {"phase_scale": 1.25, "gradient_penalty": 50.0, "data_penalty": 15.0},
        "star": {
            "strong_regularisation": 4e-3,
            "weak_regularisation": 2.4e-4,
            "strong_threshold": 1.2,
            "gradient_penalty": 25.0,
        },
    }.get(name, {})
    scaled = invert(name, case | {"field": scale * case["field"]}, **parameters)
    np.testing.assert_allclose(scaled / scale, chi, atol=1e-3 * np.ptp(chi))


@each_inversion
def test_zero_field_gives_zero(name):
    case = head()
    assert not invert(name, case | {"field": 0 * case["field"]}).any()


@each_inversion
def test_zero_outside_the_mask_and_same_bytes_again(name):
    case = head()
    chi = invert(name, case)
    assert chi.dtype == np.float32
    assert chi.shape == case["mask"].shape
    assert not chi[~case["mask"]].any()
    assert np.isfinite(chi).all()
    assert chi.tobytes() == invert(name, case).tobytes()


@pytest.mark.parametrize("name", ["tv", "star", "medi", "l1"])
def test_voxels_without_weight_have_no_influence(name):
    case = head()
    weight = np.ones(case["mask"].shape, np.float32)
    weight[18:23, 25:28, 14:17] = 0
    wrong = case["field"].copy()
    wrong[weight == 0] += 3.0
    chi = invert(name, case, weight=weight)
    other = invert(name, case | {"field": wrong}, weight=weight)
    np.testing.assert_allclose(other, chi, atol=1e-6 * np.ptp(chi))  # float32; 0 times the field is 0


@pytest.mark.parametrize("fast", [False, True])
def test_ilsqr_weight_lessens_a_wrong_voxel(fast):
    """FastQSM and the Laplacian's percentiles take no weight, so the influence falls but does not vanish."""
    case = head()
    place = (20, 26, 16)
    weight = np.ones(case["mask"].shape, np.float32)
    weight[place] = 0
    wrong = case["field"].copy()
    wrong[place] += 0.5
    right = invert("ilsqr", case, fast=fast)
    trusted = invert("ilsqr", case | {"field": wrong}, fast=fast)
    distrusted = invert("ilsqr", case | {"field": wrong}, weight=weight, fast=fast)
    assert np.linalg.norm(distrusted - right) < 0.5 * np.linalg.norm(trusted - right)


def test_tv_takes_remains_of_the_background_out():
    """A source outside the mask, whose field inside no source inside explains."""
    case = head()
    outside = ellipsoid(case["mask"].shape, case["voxel_size"], 4, (34, 0, 0))
    assert not (outside & case["mask"]).any()
    background = dipole_field(0.5 * outside, voxel_size=case["voxel_size"], b0_direction=case["b0_direction"])
    disturbed = case | {"field": case["field"] + background * case["mask"]}
    error = [
        np.std((invert("tv", disturbed, outside=outside, iterations=60) - case["chi"])[case["mask"]])
        for outside in (1.0, 0.1)
    ]
    assert error[1] < error[0]


def test_medi_csf_mean_is_zero():
    case = head()
    csf = ellipsoid(case["mask"].shape, case["voxel_size"], 6, (0, -14, 0))
    chi = invert("medi", case, csf_mask=csf)
    assert abs(chi[csf].mean()) < 1e-5  # float32 mean
    plain = invert("medi", case)
    assert chi[csf].std() < plain[csf].std() + 1e-7


@pytest.mark.parametrize("strength", [0.0, -2.0])
def test_medi_is_as_near_to_the_truth_as_tv_where_the_magnitude_tells_nothing(strength):
    """Smooth texture, noise as the only edges of the magnitude, and a source whose streaks a poor start leaves."""
    case = head()
    mask, rng = case["mask"], np.random.default_rng(2)
    texture = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 1.5)
    strong = ellipsoid(mask.shape, case["voxel_size"], 5, (0, -12, -4))
    chi = (case["chi"] + 0.03 * texture / texture.std() * mask + strength * strong).astype(np.float32)
    field = dipole_field(chi, voxel_size=case["voxel_size"], b0_direction=case["b0_direction"])
    case |= {"field": field * mask, "magnitude": (1 + 0.1 * rng.standard_normal(mask.shape)) * mask}
    tissue = mask & ~ndimage.binary_dilation(strong)
    error = {name: np.std((invert(name, case) - chi)[tissue]) for name in ("medi", "tv")}
    # Which of the two is ahead by less than 2 % is a matter of their λ, which each has for itself.
    assert error["medi"] < 1.02 * error["tv"]


@pytest.mark.parametrize("strength", [-1.0, -3.0])
def test_medi_is_nearer_to_the_truth_than_tv_beside_a_strong_source(strength):
    """Without noise, and with every edge but the strong source's own in the magnitude.

    The start decides here: from χ = 0 the phase of the strong source cannot be linearised, and the closed form leaves
    streaks in the cone of the dipole that the steps do not take away.
    """
    case = head()
    strong = ellipsoid(case["mask"].shape, case["voxel_size"], 4, (0, -14, -6))
    chi = (case["chi"] + strength * strong).astype(np.float32)
    field = dipole_field(chi, voxel_size=case["voxel_size"], b0_direction=case["b0_direction"])
    case |= {"field": field * case["mask"]}
    tissue = case["mask"] & ~strong
    error = {name: np.std((invert(name, case) - chi)[tissue]) for name in ("medi", "tv")}
    assert error["medi"] < error["tv"]


def test_medi_spares_edges_of_the_magnitude():
    """With a λ so large that plain structures vanish, a source with an edge in the magnitude stays."""
    case = head()
    flat = invert("medi", case, magnitude=case["mask"].astype(float), regularisation=3e-3, edge_fraction=0.01)
    edged = invert("medi", case, regularisation=3e-3, edge_fraction=0.1)
    assert abs(contrast(edged, case) - 0.15) < abs(contrast(flat, case) - 0.15)


def test_star_takes_the_streaks_of_a_strong_source_away():
    case = head()
    strong = ellipsoid(case["mask"].shape, case["voxel_size"], 5, (0, -12, -4))
    chi = case["chi"] - 2.0 * strong
    field = dipole_field(chi, voxel_size=case["voxel_size"], b0_direction=case["b0_direction"])
    tissue = case["mask"] & ~strong
    error = {}
    for name in ("tkd", "star"):
        estimate = invert(name, case | {"field": field * case["mask"]})
        error[name] = np.std((estimate - chi)[tissue])
    assert error["star"] < 0.2 * error["tkd"]


def test_a_voxel_that_is_wrong_harms_the_l1_norm_less_than_the_squares():
    case = head()
    wrong = case["field"].copy()
    wrong[12:14, 20, 16] += 1.0
    away = case["mask"].copy()
    away[10:16, 18:23, 14:19] = False
    harm = {}
    for name in ("tv", "l1"):
        harm[name] = np.std((invert(name, case | {"field": wrong}) - invert(name, case))[away])
    assert harm["l1"] < 0.2 * harm["tv"]


def test_medi_says_what_it_needs():
    case = head()
    geometry = {"voxel_size": case["voxel_size"], "b0_direction": case["b0_direction"]}
    with pytest.raises(InputError, match="magnitude"):
        medi(case["field"], case["mask"], **geometry)
    with pytest.raises(InputError, match="CSF"):
        invert("medi", case, csf_mask=np.zeros(case["mask"].shape, bool))


@each_inversion
def test_an_empty_mask_is_an_error(name):
    case = head()
    with pytest.raises(InputError, match="mask"):
        invert(name, case | {"mask": np.zeros(case["mask"].shape, bool)})


@each_inversion
def test_torch_equals_numpy(name):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    case = head(b0_direction=OBLIQUE)
    chi, other = (invert(name, case, backend=backend) for backend in ("numpy", "torch"))
    # Both compute in float32 with different FFTs; 100 iterations of LSQR amplify the rounding.
    tolerance = 0.02 if name.startswith("ilsqr") else 2e-3
    assert np.abs(chi - other).max() < tolerance * np.ptp(chi)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_told_with_its_value(name):
    told = complete_parameters(name, {})
    assert json.loads(json.dumps(told)) == told
    assert told
    assert {type(value) for value in told.values()} <= {int, float, bool}
    key, value = next(iter(told.items()))
    assert complete_parameters(name, {key: value * 2}) == {**told, key: value * 2}


def test_a_backend_that_is_not_installed_is_the_settings_fault_and_no_session_s(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(SettingError, match="'cupy' needs a library that is not installed"):
        Backend("cupy")


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_an_inversion_has_limits_within_which_its_default_lies(name):
    for key, value in complete_parameters(name, {}).items():
        if not isinstance(value, bool):
            assert complete_parameters(name, {key: value})[key] == value
            with pytest.raises(SettingError, match=key):  # no penalty, tolerance or number of steps is negative
                complete_parameters(name, {key: -1})
