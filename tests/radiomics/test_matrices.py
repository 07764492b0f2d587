"""The matrices equal those of pyradiomics' C code count for count, and grey levels that nest change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.radiomics import load_settings
from chiomics.radiomics.engine import Matrices, texture_and_first_order
from chiomics.radiomics.features import discretise, matrices
from chiomics.radiomics.features.maximal_correlation import TOLERANCE, maximal_correlation
from chiomics.radiomics.features.ngtdm import ngtdm_features
from chiomics.radiomics.features.sizes import directions_with_pairs
from chiomics.radiomics.region import Region, directions

SHAPES = [(5, 6, 7), (1, 9, 8), (11, 2, 3), (7, 7, 1)]


def region_with_levels(shape, n_levels, share, seed=0):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask[0, 0, 0] = mask[-1, -1, -1] = True  # so that the box is the whole
    values = rng.integers(1, n_levels + 1, mask.shape)
    region = Region.from_mask(mask, (1.0, 1.0, 1.0))
    inside = region.values(values)
    grey = discretise.discretise(inside, np.arange(1, n_levels + 2))
    return region, values, grey


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0.25, 0.7, 1.0])
@pytest.mark.parametrize("n_levels", [2, 9])
class TestEqualToPyradiomicsCode:
    """`cMatrices` makes its matrices for levels 1 to N, ours for those that occur."""

    @pytest.fixture(autouse=True)
    def case(self, shape, share, n_levels):
        self.c = pytest.importorskip("radiomics").cMatrices
        self.region, self.values, self.grey = region_with_levels(shape, n_levels, share)
        self.n_levels = int(self.grey.levels[-1])
        self.present = self.grey.levels - 1
        self.mask = self.region.mask
        self.near = self.region.neighbours()
        self.longest = max(self.mask.shape)

    def ours(self, tolerance=0.0):
        near = self.near
        return matrices.texture_matrices(
            self.grey.rank, near.table, near.number, self.grey.levels, tolerance, self.longest, True
        )

    def place(self, angles):
        """Return the place of each of their directions in ours; theirs leave out those without room."""
        ours = [tuple(offset) for offset in self.near.offsets]
        return [ours.index(tuple(angle)) for angle in angles]

    def test_cooccurrence(self):
        theirs, angles = self.c.calculate_glcm(self.values, self.mask, np.array([1]), self.n_levels, False, 0)
        ours = self.ours()[0]
        place = self.place(angles)
        expected = np.moveaxis(theirs[0], -1, 0)[:, self.present][:, :, self.present]
        assert np.array_equal(ours[place], expected)
        assert not ours[[k for k in range(13) if k not in place]].any()

    def test_run_lengths(self):
        theirs, angles = self.c.calculate_glrlm(self.values, self.mask, self.n_levels, self.longest, False, 0)
        ours = self.ours()[1] * directions_with_pairs(self.near.table, self.mask, self.near.offsets)[:, None, None]
        place = self.place(angles)
        assert np.array_equal(ours[place], np.moveaxis(theirs[0], -1, 0)[:, self.present])
        assert not ours[[k for k in range(13) if k not in place]].any()

    def test_zones(self):
        theirs = self.c.calculate_glszm(self.values, self.mask, self.n_levels, int(self.mask.sum()), False, 0)[0]
        forest = np.arange(self.region.n_voxels, dtype=np.int32)
        matrices.zones(self.grey.rank, self.near.table, forest, np.zeros(1, dtype=np.int32))
        rank, size = matrices.zone_sizes(self.grey.rank, forest)
        ours = np.zeros_like(theirs[self.present])
        np.add.at(ours, (rank - 1, size - 1), 1)
        assert np.array_equal(ours, theirs[self.present])

    def test_dependence_and_difference(self):
        for tolerance in (0, 1):
            _, _, dependence, difference, _ = self.ours(float(tolerance))
            args = (self.values, self.mask, np.array([1]), self.n_levels, tolerance, False, 0)
            theirs = self.c.calculate_gldm(*args)[0][self.present]
            width = min(theirs.shape[1], dependence.shape[1])
            assert np.array_equal(dependence[:, :width], theirs[:, :width])
            assert not dependence[:, width:].any() and not theirs[:, width:].any()
        theirs = self.c.calculate_ngtdm(self.values, self.mask, np.array([1]), self.n_levels, False, 0)[0][self.present]
        assert np.array_equal(dependence.sum(axis=1), theirs[:, 0])
        # Each difference is rounded once; their sum is taken in the same order.
        np.testing.assert_allclose(difference, theirs[:, 1], rtol=1e-12, atol=1e-12)


def test_directions_are_those_of_pyradiomics():
    c = pytest.importorskip("radiomics").cMatrices
    for distances, flat in (((1,), None), ((1, 3), None), ((2,), 0), ((1,), 2)):
        theirs = c.generate_angles(
            np.array([9, 9, 9]), np.array(distances), False, flat is not None, 0 if flat is None else flat
        )
        assert np.array_equal(directions(distances, flat), theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_grey_levels_that_nest_equal_those_made_on_their_own(dtype):
    """The seven settings of one call equal seven calls, to the last digit: matrices are whole numbers."""
    rng = np.random.default_rng(5)
    mask = rng.random((20, 18, 16)) < 0.6
    image = (1000 * rng.normal(size=mask.shape).cumsum(axis=2)).astype(dtype)
    region = Region.from_mask(mask, (1.0, 1.0, 2.0))
    counts = (8, 16, 32, 64, 128, 256, 512)
    together = texture_and_first_order(region.values(image), region, load_settings(gray_levels=counts))
    for n, found in zip(counts, together, strict=True):
        (alone,) = texture_and_first_order(region.values(image), region, load_settings(gray_levels=n))
        assert found == alone


def test_grey_levels_are_those_of_numpy():
    """Each value gets the bin that `numpy.digitize` gives, also where it lies on an edge."""
    rng = np.random.default_rng(6)
    for trial in range(200):
        values = rng.normal(size=40).astype(rng.choice([np.float32, np.float64])) * 10.0 ** rng.integers(-8, 8)
        if trial % 3 == 0:
            values = np.round(values * 4) / 4
        n = int(rng.choice([2, 3, 8, 10, 64]))
        edges = [discretise.width_edges(values, float(np.ptp(values) / 7.3 + 1e-9))]
        if np.ptp(values) > 0:
            edges.append(discretise.count_edges(values, n))
            expected = np.histogram(values, n)[1]
            expected[-1] += 1
            assert np.array_equal(edges[-1], expected)
        for each in edges:
            grey = discretise.discretise(values, each)
            assert np.array_equal(grey.levels[grey.rank[:-1] - 1], np.digitize(values, each))


def test_powers_of_two_nest_and_others_do_not():
    values = np.random.default_rng(7).normal(size=500)
    fine = discretise.discretise(values, discretise.count_edges(values, 512))
    assert discretise.coarsen(fine, discretise.count_edges(values, 64)) is not None
    assert discretise.coarsen(fine, discretise.count_edges(values, 10)) is None


def test_too_many_bins_for_the_range_are_refused():
    with pytest.raises(discretise.FlatRegionError):
        discretise.count_edges(np.array([1.0, 1.0 + 2e-16]), 64)


@pytest.mark.parametrize("width", [1e-30, 1e-9])
def test_bins_far_too_narrow_for_the_range_are_refused(width):
    with pytest.raises(discretise.FlatRegionError, match="too narrow"):
        discretise.width_edges(np.array([1.0, 400.0]), width)


@pytest.mark.parametrize("kind", ["texture", "even", "sparse", "blocks"])
def test_maximal_correlation_equals_the_singular_values(kind):
    """Also where the second vector is not a straight line over the levels, and where the matrix falls apart."""
    rng = np.random.default_rng(8)
    n = 150
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    joint = {
        "texture": np.exp(-((i - j) ** 2) / 800) * np.exp(-((i - 70) ** 2) / 3000),
        "even": np.exp(-((abs(i - 75) - abs(j - 75)) ** 2) / 200),
        "sparse": (rng.random((n, n)) < 0.02) * 1.0,
        "blocks": ((i < 60) == (j < 60)) * rng.random((n, n)),
    }[kind]
    joint = np.rint(1e4 * (joint + joint.T))
    joint /= joint.sum()
    rows, columns = np.nonzero(joint)
    margin = joint.sum(axis=1)
    scaled = joint[margin > 0][:, margin > 0] / np.sqrt(np.outer(margin[margin > 0], margin[margin > 0]))
    expected = np.linalg.svd(scaled, compute_uv=False)[1]
    found = maximal_correlation((rows.astype(np.int32), columns.astype(np.int32), joint[rows, columns]))
    assert abs(found - expected) <= TOLERANCE


def test_maximal_correlation_lies_near_that_of_pyradiomics():
    """It differs by the 2.2e-16 that pyradiomics adds to each denominator: largest where levels are rare."""
    pytest.importorskip("radiomics")
    from chiomics.radiomics import extract

    rng = np.random.default_rng(9)
    mask = np.pad(np.ones((14, 14, 14), np.uint8), 1)
    image = rng.normal(size=mask.shape).cumsum(axis=0)
    values = [
        extract(image, mask, spacing=(1, 1, 1), gray_levels=(16, 128), engine=engine).query("feature == 'MCC'")["value"]
        for engine in ("chiomics", "pyradiomics")
    ]
    np.testing.assert_allclose(values[0], values[1], atol=2e-5)  # the largest difference seen anywhere is 1.5e-5


def test_isolated_voxels_count_in_pyradiomics_and_not_in_ibsi():
    mask = np.zeros((3, 3, 9), bool)
    mask[:, :, :3] = True
    mask[0, 0, 7] = True  # no neighbour
    image = np.random.default_rng(10).integers(0, 4, mask.shape).astype(float)
    image[0, 0, 7] = 9
    region = Region.from_mask(mask, (1.0, 1.0, 1.0))
    values = region.values(image)
    found = {}
    for way in ("pyradiomics", "ibsi"):
        (classes,) = texture_and_first_order(values, region, load_settings(bin_width=1, isolated_voxels=way))
        found[way] = classes["ngtdm"]
    without = Region.from_mask(mask & (np.arange(9) != 7), (1.0, 1.0, 1.0))
    alone = texture_and_first_order(without.values(image), without, load_settings(bin_width=1))[0]["ngtdm"]
    assert found["ibsi"] == alone
    assert found["pyradiomics"]["Contrast"] != found["ibsi"]["Contrast"]


def test_neighbourhood_difference_of_a_flat_region_has_the_fixed_values():
    flat = ngtdm_features(np.array([27]), np.array([0.0]), np.array([1]))
    assert flat == {"Busyness": 0, "Coarseness": 1e6, "Complexity": 0, "Contrast": 0, "Strength": 0}


def test_too_many_grey_levels_are_refused_before_memory_runs_out():
    from chiomics.radiomics.prepare import RegionError

    values = np.arange(40_000, dtype=float)
    region = Region.from_mask(np.ones((40, 40, 25), bool), (1.0, 1.0, 1.0))
    with pytest.raises(RegionError, match="too narrow"):
        Matrices(region, load_settings(bin_width=1)).discretise(values, discretise.width_edges(values, 1))


@pytest.mark.parametrize("kind", ["diagonal", "two blocks", "rank two", "banded", "sparse"])
def test_maximal_correlation_of_matrices_on_which_the_recursion_ends_early(kind):
    """Many grey levels, so that the recursion is taken: it must give what the whole matrix gives."""
    n, rng = 120, np.random.default_rng(3)
    level = np.arange(n)
    joint = {
        "diagonal": np.eye(n),
        "two blocks": (level[:, None] < 60) == (level[None] < 60),
        "rank two": 1 + 0.5 * np.outer(np.linspace(-1, 1, n), np.linspace(-1, 1, n)),
        "banded": (np.abs(level[:, None] - level[None]) < 2) * 1.0,
        "sparse": (rng.random((n, n)) < 0.01) + np.eye(n),
    }[kind].astype(float)
    joint = (joint + joint.T) / (2 * joint.sum())
    rows, columns = np.nonzero(joint)
    scaled = joint / np.sqrt(np.outer(joint.sum(1), joint.sum(1)))
    whole = np.sort(np.abs(np.linalg.eigvalsh(scaled)))[-2]
    assert maximal_correlation((rows, columns, joint[rows, columns])) == pytest.approx(whole, abs=TOLERANCE)
