"""The rows of all tables of a cohort, in our names and spellings, read part by part.

Text is kept as integer codes with a dictionary, so that ten million rows take some hundred megabytes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from chiomics.core.errors import InputError
from chiomics.core.features.columns import COLUMNS, REQUIRED
from chiomics.core.features.files import (
    LEFT_OUT_KEY,
    Source,
    name_columns,
    open_table,
    refuse_transposed,
    table_of_frame,
)
from chiomics.core.features.people import find_people, of_cohort, read_people, same_person
from chiomics.core.features.rows import Rows, different
from chiomics.core.features.values import (
    ALLOWED,
    CODES_OF_MISSING,
    SPREADS,
    find_codes,
    find_other_unit,
)
from chiomics.core.features.wide import as_tidy
from chiomics.core.files import atomic_write

#: Columns that a message names when nothing is left.
FOUND = ("group", "voi", "hemisphere", "preset", "echo_set", "inversion", "perturbation")

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Tables of features of a cohort, from `open_features`.

    Parameters
    ----------
    sources : tuple of Source
        The files.
    people : pandas.DataFrame, optional
        Demographic variables as text, indexed by participant.
    """

    sources: tuple[Source, ...]
    people: pd.DataFrame | None = None
    _distinct: dict = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Our columns that any file has."""
        return tuple(name for name in COLUMNS if any(name in source.columns for source in self.sources))

    @property
    def others(self) -> tuple[str, ...]:
        """Further columns that any file or the table of participants has."""
        found = [name for source in self.sources for name in source.others]
        return tuple(dict.fromkeys([*found, *(self.people.columns if self.people is not None else ())]))

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Columns of wide tables that are not read, each with the reason."""
        return list(dict.fromkeys(pair for source in self.sources for pair in source.left_out))

    def find_column(self, name: str) -> str | None:
        """Find a further column by its name, whatever its case; None where there is none."""
        if name in self.columns or name in self.others:
            return name
        alike = [other for other in self.others if other.casefold().replace(" ", "_") == name.casefold()]
        return alike[0] if len(alike) == 1 else None

    def distinct(self, column: str, where: Mapping[str, Sequence] | None = None) -> list[str]:
        """List the values of a column of text, sorted; empty ones are left out."""
        if self.find_column(column) is None:
            return []
        key = (column, tuple(sorted((name, tuple(values)) for name, values in (where or {}).items())))
        if key not in self._distinct:
            self._distinct[key] = sorted(filter(None, self.combinations([column], keep=where)[column].unique()))
        return self._distinct[key]

    def combinations(
        self, columns: Sequence[str], *, keep: Mapping[str, Sequence] | None = None, group_column: str = "group"
    ) -> pd.DataFrame:
        """Return the different rows of some columns, in the order of their first appearance.

        Parameters
        ----------
        columns, keep, group_column
            As for `read`.

        Returns
        -------
        pandas.DataFrame
            Words as text, empty where there is none, and numbers.
        """
        rows = Rows(self, columns, keep=keep, group_column=group_column, value=False)
        parts = [different([part[name] for name in columns]) for part in rows]
        found = different(list(np.concatenate(parts, axis=1))) if parts else np.zeros((len(columns), 0))
        frame = {}
        for name, codes in zip(columns, found, strict=True):
            known = np.array(rows.words[name].known, dtype=object) if name in rows.words else None
            frame[name] = codes.astype(float) if known is None else known[codes.astype(int)]
        return pd.DataFrame(frame, columns=list(columns))

    def read(
        self,
        columns: Sequence[str],
        *,
        keep: Mapping[str, Sequence] | None = None,
        group_column: str = "group",
        value: bool = True,
    ) -> pa.Table:
        """Read some columns of some rows.

        Parameters
        ----------
        columns : sequence of str
            Ours, or further ones; one that no file has is filled in.
        keep : mapping of str to sequence, optional
            Values that a row must have, by column; all where a sequence is empty. A row without a number passes, since
            a setting by bin width has no number of grey levels. A column that no file has is not looked at, unless it
            has no default and the empty word is not among the values.
        group_column : str
            Column that is read as ``group``.
        value : bool
            Whether to read ``value`` too, as float64: NaN where it is missing, infinite or too large to be squared.

        Returns
        -------
        pyarrow.Table
            Columns of text as dictionaries without nulls.

        Raises
        ------
        InputError
            Where a value or a word cannot be read, or a column that is asked for is not there.
        """
        rows = Rows(self, columns, keep=keep, group_column=group_column, value=value)
        asked = [*columns, *(["value"] if value else [])]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in asked}
        for part in rows:
            for name in asked:
                parts[name].append(part[name])
        arrays = {name: np.concatenate(parts.pop(name)) if self.sources else np.zeros(0) for name in asked}
        if "n_gray_levels" in arrays:
            arrays["n_gray_levels"] = _whole_numbers(arrays["n_gray_levels"])
        words = rows.words
        return pa.table(
            {name: words[name].array(arrays[name]) if name in words else pa.array(arrays[name]) for name in asked}
        )

    def file_of(self, name: str) -> str:
        """Name the file that has a column, for a message; the table of participants before others."""
        if self.people is not None and self.find_column(name) in self.people.columns:
            return str(self.people.attrs.get("file"))
        own = self.find_column(name)
        having = [source.path for source in self.sources if own in source.columns or own in source.others]
        return str(having[0] if having else self.sources[0].path)

    def files_with(self, participant: str) -> list[str]:
        """Name the files that have rows of a participant, for a message."""
        return [
            str(source.path)
            for source in self.sources
            if participant in FeatureTable((source,)).distinct("participant")
        ]

    def refuse_codes(self, values: np.ndarray, who: Sequence[str], name_of: Callable[[int], str]) -> None:
        """Refuse features in which -999 or the like certainly stands for a missing value (`values.find_codes`).

        Parameters
        ----------
        values : ndarray, shape (rows, features)
            NaN where missing.
        who : sequence of str, length rows
            Participants.
        name_of : callable
            Gives the name of a feature by its column, for the message.

        Raises
        ------
        InputError
            With the file, the number of features, and the first of them.
        """
        codes = find_codes(values)
        if not codes:
            return
        column, code = next(iter(codes.items()))
        first = who[int(np.flatnonzero(values[:, column] == code)[0])]
        others = values[:, column][np.isfinite(values[:, column]) & ~np.isin(values[:, column], CODES_OF_MISSING)]
        raise InputError(
            f"{code:g} stands for a missing value in {len(codes)} feature{'s' if len(codes) > 1 else ''}",
            file=self.files_with(first)[0],
            found=f"{name_of(column)} of {first}: {code:g}, and of others {others.min():.4g} to {others.max():.4g}",
            expected="n/a or an empty cell where there is no value",
        )  # fmt: skip

    def refuse_units(self, values: np.ndarray, who: Sequence[str], names: Sequence[str]) -> None:
        """Refuse a cohort of which some sessions are in another unit than the others (`values.find_other_unit`).

        Parameters
        ----------
        values : ndarray, shape (rows, features)
            NaN where missing.
        who : sequence of str, length rows
            Participants.
        names : sequence of str, length features
            They end with filter, class and feature, as pyradiomics writes them.

        Raises
        ------
        InputError
            With the file and the first participants.
        """
        for column in [number for number, name in enumerate(names) if name.endswith(SPREADS)]:
            other = find_other_unit(values[:, column])
            if other is None:
                continue
            people = list(dict.fromkeys(np.asarray(who)[other]))
            ours, theirs = (np.nanmedian(values[rows, column]) for rows in (other, ~other))
            raise InputError(
                "the values of some sessions are in another unit than those of the others",
                file=self.files_with(people[0])[0],
                found=f"{names[column]} {ours:.3g} of {', '.join(people[:5])}{', ...' * (len(people) > 5)}, "
                f"{theirs:.3g} of the others, medians",
                expected="one unit: multiply the image and extract again; many features grow with its square",
            )

    def refuse_untold(self, names: Sequence[str], where: Mapping[str, Sequence]) -> None:
        """Refuse a cohort of which some rows have a preset, an echo set or an inversion and some have none.

        Raises
        ------
        InputError
            With the file and the first participant.
        """
        names = [name for name in names if self.find_column(name)]
        if not names:
            return
        rows = Rows(self, names, keep=where, value=False)
        untold, first, told = dict.fromkeys(names, 0), {}, dict.fromkeys(names, 0)
        for part in rows:
            for name in names:
                lacks = part[name] == rows.words[name].code("")
                untold[name] += int(lacks.sum())
                told[name] += int((~lacks).sum())
                if lacks.any():
                    first.setdefault(name, int(part["participant"][lacks.argmax()]))
        for name in names:
            if untold[name] and told[name]:
                who = rows.words["participant"].known[first[name]]
                raise InputError(
                    f"{untold[name]} rows have no {name}, and others have one", file=self.files_with(who)[0],
                    found=f"nothing for {who}", expected=f"{name} in every row, or in none",
                )  # fmt: skip

    def say_found(self, where: Mapping[str, Sequence] | None = None) -> str:
        """Say which groups, regions and settings there are, for a message."""
        found = {name: self.distinct(name, where) for name in FOUND}
        return "; ".join(f"{name} {', '.join(values[:12])}" for name, values in found.items() if values)

    def without_features(self) -> list[str]:
        """List who is in the table of participants alone."""
        if self.people is None:
            return []
        here = {same_person(name) for name in self.distinct("participant")}
        return [name for name in self.people.index if name not in here]

    def name_in(self, source: Source, name: str) -> str | None:
        """Say under which of our names, or its own, a file has a column; None where it has not."""
        if name in source.columns:
            return name
        found = name if name in source.others else self.find_column(name)
        return found if found in source.others else None

    def columns_of_people(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return what the table of participants says, by column and participant."""
        if self.people is None:
            return {}
        found = {name: self.find_column(name) for name in names}
        return {name: self.people[own].to_dict() for name, own in found.items() if own in self.people.columns}

    def looks_at(self, name: str, values: Sequence) -> bool:
        """Say whether rows are chosen by a column: not by one that no file has, unless it has no default."""
        if name in self.columns or self.find_column(name):
            return True
        if name in ("echo_set", "perturbation", "voi") and "" not in values:
            raise InputError(
                "the feature tables lack a column", found=", ".join((*self.columns, *self.others)), expected=name
            )
        return False


def _whole_numbers(values: np.ndarray) -> np.ndarray:
    whole = len(values) and np.isfinite(values).all() and (values == np.rint(values)).all()
    return values.astype(np.int32) if whole else values


def open_features(
    paths: str | Path | Sequence[str | Path] | pd.DataFrame,
    *,
    column_map: Mapping | None = None,
    participants: str | Path | None = None,
) -> FeatureTable:
    """Open tables of features as one.

    Parameters
    ----------
    paths : path-like, sequence of path-like, or pandas.DataFrame
        One table of a cohort or one per session, tidy or wide; ``.parquet``, ``.tsv`` or ``.csv``.
    column_map : mapping, optional
        Of wide tables, from `wide.read_column_map`.
    participants : path-like, optional
        Table of demographic variables; without one ``participants.tsv`` or ``.csv`` beside the first file, if any.

    Returns
    -------
    FeatureTable

    Raises
    ------
    InputError
        Where a table cannot be read or lacks a column that is needed.
    """
    frame = paths if isinstance(paths, pd.DataFrame) else None
    given = [] if frame is not None else [paths] if isinstance(paths, (str, Path)) else paths
    files = of_cohort(sorted(Path(path) for path in given))
    if not files and frame is None:
        raise InputError("there is no feature table of the cohort", expected="at least one")
    sources = []
    for raw in [table_of_frame(frame)] if frame is not None else map(open_table, files):
        path = raw.path
        if raw.is_wide or column_map:
            sources.append(as_tidy(raw, column_map))
            continue
        columns, others = name_columns(raw.header, path)
        # The class may stand in the feature's name: original_glcm_Contrast.
        if lacking := [name for name in REQUIRED if name not in columns and name != "feature_class"]:
            refuse_transposed(raw)
            raise InputError(
                "the table is neither tidy nor wide: it lacks columns, and none has pyradiomics' name of a feature",
                file=path, found=", ".join(name for name in raw.header if not name.startswith(" "))[:300],
                expected=f"{', '.join(lacking)}; or original_glcm_Contrast and so on; or a map (feature_columns)",
            )  # fmt: skip
        sources.append(Source(path, columns, others, raw.rows, raw.left_out, raw.first_line))
    if all(source.rows.count_rows() == 0 for source in sources):
        raise InputError("the table has no row", file=sources[0].path, found="a header alone", expected="values")
    beside = participants or (column_map or {}).get("participants") or (find_people(files[0].parent) if files else None)
    return FeatureTable(tuple(sources), read_people(beside) if beside else None)


def import_features(paths: Sequence[str | Path], column_map: Mapping, output: str | Path) -> int:
    """Write tables, wide or tidy, as one tidy Parquet table, whole or not at all.

    Parameters
    ----------
    paths, column_map
        As for `open_features`.
    output : path-like
        Parquet file.

    Returns
    -------
    int
        Rows.
    """
    import pyarrow.parquet as pq

    features = open_features(paths, column_map=column_map)
    table = features.read([*features.others, *(name for name in COLUMNS if name != "value")])
    if not np.isfinite(table["value"].to_numpy()).any():
        raise InputError("no value can be read", file=paths[0], found=f"{len(table)} empty cells", expected=ALLOWED)
    with (
        atomic_write(output) as temporary,
        # Without Arrow's own schema text is read back as text, not as categories.
        pq.ParquetWriter(temporary, table.schema, compression="zstd", store_schema=False) as writer,
    ):
        writer.write_table(table)
        # What the map leaves out is told by the studies that read the result.
        writer.add_key_value_metadata({LEFT_OUT_KEY: json.dumps(features.left_out)})
    return len(table)
