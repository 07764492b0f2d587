"""Images that stay in their file: the array that they would make, in any choice, and never more than is asked for."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.learning.checkpoints import name_checkpoint
from chiomics.core.learning.stack import Stack, combine, hold, join, open_archive, write_archive

IMAGES = np.random.default_rng(0).normal(size=(37, 3, 4, 5)).astype(np.float16)


@pytest.fixture
def archive(tmp_path):
    with write_archive(tmp_path / "a.npz") as file:
        file.put("rows", np.arange(3))
        for image in IMAGES:
            file.add("one", image)
            file.add("other", image[:1] * 2)
    return tmp_path / "a.npz"


def counted(images: np.ndarray) -> tuple[Stack, list]:
    """Return a stack of copies of images, and a list that references to those come to."""
    read: list = []

    def copy(number):
        image = images[number].copy()
        read.append(weakref.ref(image))
        return image

    return Stack(copy, np.arange(len(images)), images.shape[1:], images.dtype), read


def test_what_is_chosen_is_what_is_chosen_of_an_array(archive) -> None:
    found = open_archive(archive)
    np.testing.assert_array_equal(found["rows"], np.arange(3))
    one = found["one"]
    assert (one.shape, one.dtype, one.ndim, one.nbytes) == (IMAGES.shape, IMAGES.dtype, 4, IMAGES.nbytes)
    np.testing.assert_array_equal(one, IMAGES)
    np.testing.assert_array_equal(one[5], IMAGES[5])
    np.testing.assert_array_equal(one[np.int64(-1)], IMAGES[-1])
    for rows in (slice(3, 20, 2), np.array([4, 4, 1]), [2, 0], np.arange(37) % 3 == 0, np.array([], int)):
        assert isinstance(one[rows], Stack)
        np.testing.assert_array_equal(one[rows], IMAGES[rows])
        np.testing.assert_array_equal(one[rows][::-1], IMAGES[rows][::-1])
    np.testing.assert_array_equal(np.concatenate(list(one.blocks(16))), IMAGES)
    doubled = combine(lambda image, other: image + other, one, found["other"])
    np.testing.assert_array_equal(doubled[7:9], (IMAGES + IMAGES[:, :1] * 2)[7:9])
    both = join([one[:4], IMAGES[4:6], one[6:]])
    np.testing.assert_array_equal(both, IMAGES)


def test_numpy_reads_the_archive_too(archive) -> None:
    with np.load(archive, allow_pickle=False) as found:
        np.testing.assert_array_equal(found["one/000036"], IMAGES[36])


def test_no_image_is_read_before_it_is_asked_for_and_none_is_kept() -> None:
    stack, read = counted(IMAGES)
    several = combine(lambda image: image + 1, stack)[3:30]
    assert not read
    for block in several.blocks(8):
        assert len(block) <= 8 and sum(one() is not None for one in read) <= 1
    assert len(read) == 27


def test_small_ones_are_held_and_large_ones_stay_where_they_are() -> None:
    stack, _ = counted(IMAGES)
    assert isinstance(hold(stack, IMAGES.nbytes), np.ndarray)
    assert hold(stack, IMAGES.nbytes - 1) is stack


def test_a_checkpoint_has_the_name_of_the_array(archive) -> None:
    names = [
        name_checkpoint("folder", {"seed": 1}, images, np.arange(3))
        for images in (IMAGES, open_archive(archive)["one"])
    ]
    assert (
        names[0] == names[1] != name_checkpoint("folder", {"seed": 1}, open_archive(archive)["one"][::-1], np.arange(3))
    )


def test_damage_is_told_with_the_file_when_it_is_met(archive) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole one") as error:
        open_archive(archive)
    assert str(archive) in str(error.value)
    place = whole.index(b"one/000020.npy") + 200
    archive.write_bytes(whole[:place] + bytes(64) + whole[place + 64 :])
    found = open_archive(archive)["one"]
    np.testing.assert_array_equal(found[19], IMAGES[19])
    with pytest.raises(InputError, match="not a whole one"):
        found[20]
    mixed = Stack(lambda number: IMAGES[number, :, : 4 - number], np.arange(2), IMAGES.shape[1:], IMAGES.dtype)
    with pytest.raises(InputError, match="several sizes"):
        np.asarray(mixed)
