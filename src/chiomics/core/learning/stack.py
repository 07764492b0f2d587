"""Images of many sessions that stay in their files until a few of them are asked for.

An archive is NumPy's ``.npz`` with a member for each image, ``name/000000.npy`` and so on, so that one is read without
those before it; arrays that are no images are members of their own, as NumPy writes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, overload
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write

#: Images that are held in memory while a network learns from them, where they take no more bytes: reading them anew in
#: every epoch takes time.
HELD = 500_000_000
#: Images of a block.
BLOCK = 16


class Stack:
    """Images along a first axis, each read when it is asked for.

    Parameters
    ----------
    read : callable
        Gives the image of a number.
    numbers : sequence of int
        Of each image, in their order.
    shape : tuple of int
        Of one image.
    dtype : dtype
        Of all.
    """

    def __init__(self, read: Callable[[int], np.ndarray], numbers: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self._read, self._numbers = read, np.asarray(numbers, dtype=np.int64)
        self.shape, self.dtype = (len(self._numbers), *shape), np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """Axes, that of the images among them."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that all images take together."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, rows: int | np.integer) -> np.ndarray: ...
    @overload
    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> Stack: ...
    def __getitem__(self, rows: Any) -> np.ndarray | Stack:
        """Read one image, or choose several of them, which are not read."""
        if isinstance(rows, (int, np.integer)):
            found = self._read(int(self._numbers[rows]))
            if (found.shape, found.dtype) != (self.shape[1:], self.dtype):
                raise InputError(
                    "images have several sizes", found=f"{found.shape} and {self.shape[1:]}",
                    expected="one setting for all",
                )  # fmt: skip
            return found
        return Stack(self._read, self._numbers[rows], self.shape[1:], self.dtype)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all images."""
        found = np.empty(self.shape, dtype=self.dtype)
        for row, image in enumerate(self):
            found[row] = image
        return found if dtype is None else found.astype(dtype, copy=False)

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """Read some images after the others."""
        return (np.asarray(self[start : start + size]) for start in range(0, len(self), size))


Images = np.ndarray | Stack


def combine(function: Callable[..., np.ndarray], *images: Images) -> Images:
    """Compute an image of each session from images of it.

    Parameters
    ----------
    function : callable
        Takes an image of each array.
    *images : ndarray or Stack
        Of the same sessions.

    Returns
    -------
    ndarray or Stack
        Computed at once where all are arrays, else when it is asked for.
    """
    if all(isinstance(one, np.ndarray) for one in images) and len(images[0]):
        return np.stack([function(*parts) for parts in zip(*images, strict=True)])
    like = function(*(np.zeros(one.shape[1:], one.dtype) for one in images))
    if not len(images[0]):
        return np.zeros((0, *like.shape), like.dtype)
    return Stack(lambda row: function(*(one[row] for one in images)), np.arange(len(images[0])), like.shape, like.dtype)


def join(parts: Sequence[Images]) -> Images:
    """Lay images of several files after another; those of the first say what size they have."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([len(part) for part in parts])

    def read(number: int) -> np.ndarray:
        part = int(np.searchsorted(ends, number, side="right"))
        return parts[part][number - int(ends[part])]

    return Stack(read, np.arange(ends[-1]), parts[0].shape[1:], parts[0].dtype)


def hold(images: Images, limit: int = HELD) -> Images:
    """Read images that many steps go through, unless they are larger than `limit` bytes together."""
    return np.asarray(images) if isinstance(images, np.ndarray) or images.nbytes <= limit else images


class Archive:
    """An archive that is being written, of `write_archive`."""

    def __init__(self, file: ZipFile) -> None:
        self._file, self._counts = file, dict[str, int]()

    def put(self, name: str, array: Any) -> None:
        """Write an array."""
        with self._file.open(f"{name}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)

    def add(self, name: str, image: np.ndarray) -> None:
        """Write the next image of a name."""
        number = self._counts.get(name, 0)
        self._counts[name] = number + 1
        self.put(f"{name}/{number:06d}", image)


@contextmanager
def write_archive(path: str | Path) -> Iterator[Archive]:
    """Write an archive, whole or not at all."""
    with atomic_write(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as file:
        yield Archive(file)


def open_archive(path: str | Path, names: Sequence[str] | None = None) -> dict[str, Images]:
    """Open an archive, of which images alone stay in the file.

    Parameters
    ----------
    path : path-like
        Archive; or a file of NumPy's, in which the images of a name are one array.
    names : sequence of str, optional
        What is wanted; all by default.

    Returns
    -------
    dict of str to ndarray or Stack

    Raises
    ------
    InputError
        Where a name is not in the file, or the file is damaged; an image, when it is read.
    """
    found: dict[str, Images] = {}
    with reading(path), ZipFile(path) as file:
        members = [name.removesuffix(".npy") for name in file.namelist()]
        single = [name for name in members if "/" not in name]
        counts: dict[str, int] = {}
        for name in members:
            stem, slash, _ = name.rpartition("/")
            if slash:
                counts[stem] = counts.get(stem, 0) + 1
        for name in [*single, *counts] if names is None else names:
            if name in counts:
                shape, dtype = _header(file, f"{name}/000000")
                read = partial(_Reader(path).image, name)
                found[name] = Stack(read, np.arange(counts[name]), shape, dtype)
                continue
            shape, dtype = _header(file, name)
            if len(shape) > 1 and shape[0] == 1:  # one session's file: nothing is gained by reading it now
                found[name] = Stack(partial(_read_first, path, name), np.arange(1), shape[1:], dtype)
            else:
                found[name] = _read(file, name)
    return found


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Say of what breaks while a file is read that the file is damaged."""
    try:
        yield
    except (OSError, KeyError, ValueError, AttributeError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise InputError("not an archive of images, or not a whole one", file=path, found=str(error)[:80]) from error


class _Reader:
    """Reads images of an archive that stays open: its table of contents is long."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._file: ZipFile | None = None

    def image(self, name: str, number: int) -> np.ndarray:
        """Return an image."""
        with reading(self._path):
            if self._file is None:
                self._file = ZipFile(self._path)
            return _read(self._file, f"{name}/{number:06d}")


def _read_first(path: str | Path, name: str, number: int) -> np.ndarray:
    with reading(path), ZipFile(path) as file:
        return _read(file, name)[number]


def _read(file: ZipFile, name: str) -> np.ndarray:
    with file.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _header(file: ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    with file.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        known = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = known[version](stream)
        return shape, dtype
