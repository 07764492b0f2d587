"""Values of a cohort as one matrix: a row for each session, a column for each feature, read part by part.

In memory lie the values and what names rows and columns, never the names of every value: a session of sixty thousand
values takes half a megabyte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chiomics.core.features.canonical import Words
from chiomics.core.features.rows import Rows

#: Layouts of a part that are remembered: those of a few presets in turn.
LAYOUTS = 4


@dataclass(frozen=True, eq=False)
class Matrix:
    """Values by row and column.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        NaN where there is none.
    there : ndarray of bool, shape (rows, columns)
        Where the tables have a row, with a value or without.
    rows, columns : pandas.DataFrame
        What names them, sorted: words as text, numbers with NaN last.
    twice : dict of int to int
        Columns in which a row has two values, and the first such row.
    """

    values: np.ndarray
    there: np.ndarray
    rows: pd.DataFrame
    columns: pd.DataFrame
    twice: dict[int, int]

    def take(self, columns: np.ndarray) -> Matrix:
        """Keep some columns, given as a mask."""
        rank = np.cumsum(columns) - 1
        twice = {int(rank[column]): row for column, row in self.twice.items() if columns[column]}
        heads = self.columns[columns].reset_index(drop=True)
        return Matrix(self.values[:, columns], self.there[:, columns], self.rows, heads, twice)


def read_matrix(rows: Rows, of_row: Sequence[str], of_column: Sequence[str], *, in_order: Sequence[str] = ()) -> Matrix:
    """Read values into a matrix.

    Parameters
    ----------
    rows : Rows
        With the columns of both, and values.
    of_row, of_column : sequence of str
        Columns of the tables that name a row, and a column, of the matrix.
    in_order : sequence of str
        Words of the first of the latter in the order that they are wanted in; by the alphabet without.

    Returns
    -------
    Matrix
        Without a row where no row of the tables is kept.
    """
    lines, places = _Numbered(), _Numbered()
    values: list[np.ndarray] = []
    there: list[np.ndarray] = []
    twice: dict[int, int] = {}
    for part in rows:
        if not len(part["value"]):
            continue
        line, place = lines.number(part, of_row), places.number(part, of_column)
        for one, mine in _each(line):
            while len(values) <= one:
                values.append(np.zeros(0))
                there.append(np.zeros(0, dtype=bool))
            values[one], there[one] = _widened(values[one], there[one], len(places.known))
            own = place[mine]
            for again in _again(there[one], own):
                twice.setdefault(again, one)
            values[one][own] = part["value"][mine]
            there[one][own] = True
    row_order, row_heads = _sorted(lines, of_row, rows.words)
    order, heads = _sorted(places, of_column, rows.words, in_order)
    # One row after the other leaves the unsorted ones, so that both never lie in memory whole.
    found, known = np.empty((len(values), len(order))), np.empty((len(values), len(order)), dtype=bool)
    for number, one in enumerate(row_order):
        wide, marks = _widened(values[one], there[one], len(order))
        found[number], known[number] = wide[order], marks[order]
        values[one], there[one] = np.zeros(0), np.zeros(0, dtype=bool)
    rank, row_rank = np.argsort(order), np.argsort(row_order)
    found_twice = {int(rank[column]): int(row_rank[row]) for column, row in twice.items()}
    return Matrix(found, known, row_heads, heads, found_twice)


def _each(numbers: np.ndarray) -> Iterator[tuple[int, slice | np.ndarray]]:
    """Return each number that occurs, with where it does."""
    if (numbers == numbers[0]).all():
        yield int(numbers[0]), slice(None)
        return
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for where in np.split(order, starts[1:]):
        yield int(numbers[where[0]]), where


class _Numbered:
    """Combinations of codes, numbered in the order of their first appearance over all parts."""

    def __init__(self) -> None:
        self.known: dict[tuple, int] = {}
        self._layouts: list[tuple[list[np.ndarray], np.ndarray]] = []

    def number(self, part: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
        """Return the number of each row of a part."""
        codes = [part[name] for name in names]
        codes = [np.where(np.isnan(one), np.inf, one) if one.dtype.kind == "f" else one for one in codes]
        for layout, numbers in self._layouts:  # one session's table has the columns of another's, in the same order
            if all(np.array_equal(one, other) for one, other in zip(codes, layout, strict=True)):
                return numbers
        frame = pd.DataFrame(dict(enumerate(codes)))
        group = frame.groupby(list(frame), sort=False).ngroup().to_numpy()
        heads = frame[~frame.duplicated()].itertuples(index=False, name=None)
        numbers = np.array([self.known.setdefault(head, len(self.known)) for head in heads], dtype=np.int32)[group]
        self._layouts = [(codes, numbers), *self._layouts[: LAYOUTS - 1]]
        return numbers


def _widened(values: np.ndarray, there: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Make room for columns that came later."""
    more = size - len(values)
    if more <= 0:
        return values, there
    return np.concatenate([values, np.full(more, np.nan)]), np.concatenate([there, np.zeros(more, dtype=bool)])


def _again(there: np.ndarray, places: np.ndarray) -> list[int]:
    """List the places that are taken already, or come twice."""
    again = there[places]
    if np.bincount(places).max() > 1:
        again |= pd.Series(places).duplicated().to_numpy()
    return places[again].tolist() if again.any() else []


def _sorted(
    numbered: _Numbered, names: Sequence[str], words: dict[str, Words], in_order: Sequence[str] = ()
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the numbers in the order of their words, and the table of these."""
    table = pd.DataFrame(list(numbered.known), columns=range(len(names)))
    heads = {}
    for place, name in enumerate(names):
        codes = table[place].to_numpy()
        heads[name] = np.array(words[name].known, dtype=object)[codes.astype(int)] if name in words else codes
    frame = pd.DataFrame(heads, columns=list(names))
    wanted = {word: place for place, word in enumerate(in_order)}
    keys = frame.assign(**{names[0]: frame[names[0]].map(wanted)}) if wanted else frame
    order = keys.sort_values(list(names), kind="stable").index.to_numpy()
    frame = frame.loc[order]
    for name in names:
        if name not in words:
            frame[name] = frame[name].astype(float).replace(np.inf, np.nan)
    return order, frame.reset_index(drop=True)
