"""All that the classifiers take of one session, and the file that holds it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write
from chiomics.core.learning.stack import Images, join, open_archive, write_archive
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume
from chiomics.flair.images.head import Head, sample
from chiomics.flair.images.intensity import CLIP, scale_intensity
from chiomics.flair.images.lesion_load import CELLS, measure_lesions
from chiomics.flair.images.slices import FIELD_OF_VIEW, FULL_PIXELS, SLAB, SLICES, slice_points
from chiomics.flair.images.volume import MARGIN, find_box, resize

IMAGES = ("wang_flair", "wang_lesions", "seok_flair", "seok_lesions")
#: Columns of the table that name a session; an empty text there is a value.
NAMES = ("participant", "session")
#: What stands for a value that is not known, once it was text.
UNKNOWN = ("", "n/a", "nan", "None")


@dataclass(frozen=True)
class Prepared:
    """Sessions as arrays.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per session: who, and the numbers of `lesion_load`.
    images : dict of str to ndarray or Stack of float16
        ``wang_flair`` and ``wang_lesions`` of shape (n, edge, edge, edge), ``seok_flair`` and ``seok_lesions`` of
        shape (n, 5, pixels, pixels): FLAIR on the common scale, and the share of lesion. Held, or in their files.
    cells : ndarray, shape (n, cells)
        Lesion volume in mm³ per cell of template space.
    """

    table: pd.DataFrame
    images: dict[str, Images]
    cells: np.ndarray

    def write(self, path: str | Path) -> None:
        """Write a compressed NumPy file, whole or not at all; images of several sessions as `learning.stack` does."""
        if len(self.cells) > 1:
            with write_archive(path) as archive:
                for name, values in {**self.columns(), "cells": self.cells}.items():
                    archive.put(name, values)
                for name, images in self.images.items():
                    for image in images:
                        archive.add(name, image)
            return
        arrays = {name: np.asarray(images) for name, images in self.images.items()}
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **self.columns(), **arrays, cells=self.cells)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the table as arrays, as they are written."""
        columns = {f"table_{name}": self.table[name].to_numpy() for name in self.table}
        return {name: values.astype(str) if values.dtype == object else values for name, values in columns.items()}

    @classmethod
    def read_tables(cls, paths: Sequence[str | Path]) -> Prepared:
        """Read and join what files say of their sessions, without the images; raises as `open` does."""
        return cls._open(paths, ())

    @classmethod
    def read(cls, paths: Sequence[str | Path]) -> Prepared:
        """Read and join files, images and all; raises as `open` does."""
        found = cls.open(paths)
        return replace(found, images={name: np.asarray(images) for name, images in found.images.items()})

    @classmethod
    def open(cls, paths: Sequence[str | Path]) -> Prepared:
        """Read and join files, of which the images are read when they are asked for.

        Raises
        ------
        InputError
            Where a file cannot be read, or files were prepared at different sizes or in different ways.
        """
        return cls._open(paths, IMAGES)

    @classmethod
    def _open(cls, paths: Sequence[str | Path], names: Sequence[str]) -> Prepared:
        tables, cells = [], []
        images: dict[str, list[Images]] = {name: [] for name in names}
        for path in paths:
            try:
                with np.load(path, allow_pickle=False) as found:
                    table = {name.removeprefix("table_"): found[name] for name in found if name.startswith("table_")}
                    tables.append(_without_unknown(pd.DataFrame(table)))
                    cells.append(found["cells"])
                for name, own in open_archive(path, names).items():
                    images[name].append(own)
            except (OSError, KeyError, ValueError, AttributeError, TypeError, BadZipFile, zlib.error) as error:
                raise InputError(
                    "not a file of prepared images, or not a whole one",
                    file=path,
                    expected="*_desc-classifiers_FLAIR.npz, which the workflow's rule prepare_flair makes of a session",
                ) from error
        for name, parts in images.items():
            if len(shapes := {part.shape[1:] for part in parts}) > 1:
                raise InputError(f"{name} has several sizes", found=str(sorted(shapes)), expected="one setting for all")
        joined = {name: join(parts) for name, parts in images.items()}
        table = pd.concat(tables, ignore_index=True)
        if "preparation" in table and len(ways := table["preparation"].unique()) > 1:
            raise InputError("sessions were prepared in several ways", found=" | ".join(map(str, ways)), expected="one")
        return cls(table, joined, np.concatenate(cells))

    @classmethod
    def empty(cls, *, edge: int, pixels: int) -> Prepared:
        """Stand for a session that the classifiers cannot take: no row, arrays of the right sizes."""
        shapes = {"wang": (0, edge, edge, edge), "seok": (0, SLICES, pixels, pixels)}
        images = {name: np.zeros(shapes[name.partition("_")[0]], np.float16) for name in IMAGES}
        return cls(pd.DataFrame(), images, np.zeros((0, int(np.prod(CELLS))), np.float32))

    def with_people(self, people: Mapping[str, Mapping[str, object]]) -> Prepared:
        """Join what is known of participants, by session key; none for images that tell it themselves."""
        if not people or self.table.empty:
            return self
        rows = [people[session] for session in self.table["session"]]
        known = _without_unknown(pd.DataFrame(rows, index=self.table.index))
        others = [name for name in self.table if name not in known]
        return replace(self, table=pd.concat([self.table[others], known], axis=1))

    def take(self, rows: np.ndarray) -> Prepared:
        """Choose sessions."""
        return Prepared(
            self.table.iloc[rows].reset_index(drop=True),
            {name: voxels[rows] for name, voxels in self.images.items()},
            self.cells[rows],
        )


def prepare_numbers(head: Head, about: Mapping[str, object]) -> Prepared:
    """Measure a session's lesions alone, for models without a network; its images hold no pixel.

    Parameters
    ----------
    head : Head
        The session.
    about : mapping of str to object
        Of `prepare_session`.

    Returns
    -------
    Prepared
        Of one session.
    """
    numbers, cells = measure_lesions(head)
    images = {name: np.zeros((1, 0, 0, 0), np.float16) for name in IMAGES}
    known = {"lesion_source": head.lesion_source}
    return Prepared(_without_unknown(pd.DataFrame([{**about, **numbers, **known}])), images, cells[None])


def describe_preparation(levels: Sequence[float]) -> str:
    """Say in words what a model's images have in common with those that it can be applied to, beside their size."""
    slices = ", ".join(f"{level:g}" for level in levels)
    return (
        f"cut at {CLIP:g} interquartile ranges, brain with {MARGIN:g} mm around it, slices of {FIELD_OF_VIEW:g} mm and "
        f"{SLAB:g} mm thick at z {slices} mm"
    )


def _without_unknown(table: pd.DataFrame) -> pd.DataFrame:
    """Turn texts that stand for nothing into missing values."""
    for name in table.columns.difference(NAMES):
        if table[name].dtype.kind in "OUT":
            table[name] = table[name].astype(object).where(~table[name].isin(UNKNOWN), np.nan)
    return table


def prepare_session(
    head: Head, about: Mapping[str, object], *, edge: int, pixels: int, levels: Sequence[float]
) -> tuple[Prepared, dict]:
    """Make the images of both papers from a session.

    Parameters
    ----------
    head : Head
        The session.
    about : mapping of str to object
        Columns of the table: participant, session, group and demographic variables.
    edge : int
        Of the cube of Wang et al., voxels.
    pixels : int
        Of the slices of Seok et al., per edge: 128 as published, or a divisor of it.
    levels : sequence of float
        Template z of the slices, mm.

    Returns
    -------
    prepared : Prepared
        Of one session.
    record : dict
        Box, scale and slices, for the sidecar.
    """
    brain = head.on_flair(head.brain, head.flair_to_anatomy, order=0) > 0.5
    lesions = head.lesions_on_flair() > 0
    white = (head.on_flair(head.white_matter, head.flair_to_anatomy, order=0) > 0.5) & ~lesions
    scaled, record = scale_intensity(head.flair.voxels, brain, white)
    numbers, cells = measure_lesions(head)

    upright = NearestRAS(head.flair.affine, head.flair.voxels.shape)
    box = find_box(upright(brain), upright.voxel_size)
    inside = lesions.astype(np.float32)
    images = {
        "wang_flair": resize(upright(scaled)[box], edge),
        "wang_lesions": resize(upright(inside)[box], edge),
    }
    points = slice_points(list(levels))
    in_flair = head.anatomy_to_flair(head.template_to_anatomy(points.reshape(3, -1)))
    for name, voxels in (("seok_flair", scaled), ("seok_lesions", inside)):
        fine = sample(Volume(voxels, head.flair.affine), in_flair, order=1).reshape(points.shape[1:]).mean(axis=0)
        images[name] = fine.reshape(SLICES, pixels, FULL_PIXELS // pixels, pixels, FULL_PIXELS // pixels).mean((2, 4))
    record |= {
        "Box": [[part.start, part.stop] for part in box],
        "BoxAxes": "voxels of the FLAIR in the nearest right-anterior-superior order",
        "Edge": edge,
        "SlicesMNI": list(map(float, levels)),
        "Pixels": pixels,
    }
    known = {"preparation": describe_preparation(levels), "lesion_source": head.lesion_source}
    table = _without_unknown(pd.DataFrame([{**about, **numbers, **known}]))
    return Prepared(table, {k: v[None].astype(np.float16) for k, v in images.items()}, cells[None]), record
