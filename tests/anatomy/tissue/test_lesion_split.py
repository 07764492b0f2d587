"""Splitting of confluent lesions: labels part the mask, balls come apart, an ellipsoid stays whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from chiomics.anatomy.tissue.lesion_settings import LesionSettings
from chiomics.anatomy.tissue.lesion_split import split_lesions
from chiomics.core.space.volume import Volume

VOXEL_SIZES = [(1.0, 1.0, 1.0), (1.75, 1.75, 2.0), (0.8, 1.0, 1.6)]


def ellipsoid(centre: tuple, axes: tuple, voxel: tuple, extent: float = 60.0) -> np.ndarray:
    """Draw an ellipsoid of these half axes in mm."""
    points = np.meshgrid(*(np.arange(int(extent / size)) * size for size in voxel), indexing="ij")
    return sum(((p - c) / a) ** 2 for p, c, a in zip(points, centre, axes, strict=True)) <= 1


def split(mask: np.ndarray, voxel: tuple, **chosen) -> np.ndarray:
    """Split a mask."""
    volume = Volume(mask.astype(np.float32), np.diag([*voxel, 1.0]))
    return split_lesions(volume, settings=LesionSettings(**chosen)).voxels


@pytest.mark.parametrize("voxel", VOXEL_SIZES)
@pytest.mark.parametrize("radius", [6.0, 9.0])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, 1), (1, 1, 1)])
def test_two_balls_come_apart_between_their_centres(voxel, radius, direction):
    step = 0.8 * radius * np.array(direction) / np.linalg.norm(direction)
    centres = [tuple(30 + sign * step) for sign in (-1, 1)]
    first, second = (ellipsoid(centre, (radius,) * 3, voxel) for centre in centres)
    assert (first & second).any()  # they overlap: their centres are 1.6 radii apart
    labels = split(first | second, voxel)
    assert labels.max() == 2
    index = [tuple(np.rint(np.array(centre) / voxel).astype(int)) for centre in centres]
    assert labels[index[0]] != labels[index[1]]
    for ball, own in ((first & ~second, labels[index[0]]), (second & ~first, labels[index[1]])):
        # the middle plane cuts where the balls do; a layer of voxels beside it may go to either
        assert np.mean(labels[ball] == own) > 0.93


@pytest.mark.parametrize("voxel", VOXEL_SIZES)
@pytest.mark.parametrize("radius", [3.0, 5.0, 7.0])
@pytest.mark.parametrize("elongation", [1.0, 1.5, 2.0, 3.0])
def test_an_ellipsoid_stays_one(voxel, radius, elongation):
    for axis in range(3):
        axes = [radius] * 3
        axes[axis] *= elongation
        assert split(ellipsoid((30, 30, 30), tuple(axes), voxel), voxel).max() == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(VOXEL_SIZES), st.booleans())
def test_labels_part_the_mask(seed, voxel, parted):
    rng = np.random.default_rng(seed)
    probability = ndimage.gaussian_filter(rng.random((24, 26, 22)), rng.uniform(0.5, 2.5))
    probability = np.clip(0.5 + (probability - np.quantile(probability, 0.8)) / probability.std(), 0, 1)
    labels = split(probability, voxel, split=parted)
    assert ((labels > 0) == (probability.astype(np.float32) >= 0.5)).all()
    sizes = np.bincount(labels.ravel())[1:]
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()
    groups, count = ndimage.label(labels > 0, np.ones((3, 3, 3)))
    for number in range(1, labels.max() + 1):
        assert len(np.unique(groups[labels == number])) == 1  # no label reaches over a gap
    if not parted:
        assert labels.max() == count


def test_an_empty_map_has_no_labels():
    assert not split(np.zeros((9, 8, 7)), (1.0, 1.0, 1.0)).any()


def test_lesions_of_one_size_are_in_world_order():
    mask = np.zeros((30, 30, 30))
    places = [(20, 5, 5), (5, 20, 5), (5, 5, 20)]
    for x, y, z in places:
        mask[x : x + 3, y : y + 3, z : z + 3] = 1
    labels = split(mask, (1.0, 1.0, 1.0))
    assert [labels[place] for place in places] == [3, 2, 1]
    flipped = Volume(
        mask[::-1].astype(np.float32), np.array([[-1, 0, 0, 29], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    )
    assert (split_lesions(flipped).voxels[::-1] == labels).all()
