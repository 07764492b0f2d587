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
#: Size of a full block of rows while they are read, and the rows of the first one.
BLOCK_BYTES, FEWEST_ROWS = 40_000_000, 4


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
    return collect(rows, of_row, of_column, in_order=in_order).matrix()


class Collected:
    """Values that are read and not yet in order; of `collect`.

    Attributes
    ----------
    rows, columns : pandas.DataFrame
        As of `Matrix`.
    twice : dict of int to int
        As of `Matrix`.
    """

    def __init__(self, store: _Store, order: np.ndarray, row_order: np.ndarray, **heads) -> None:
        self._store, self._order, self._row_order = store, order, row_order
        self.rows: pd.DataFrame = heads["rows"]
        self.columns: pd.DataFrame = heads["columns"]
        self.twice: dict[int, int] = heads["twice"]

    def matrix(self) -> Matrix:
        """Bring the values in order; once, since they are handed on."""
        there = np.zeros((len(self._row_order), len(self._order)), dtype=bool)
        values = self.fill(np.arange(len(self._order)), len(self._order), there)
        return Matrix(values, there, self.rows, self.columns, self.twice)

    def fill(self, places: np.ndarray, width: int, there: np.ndarray | None = None) -> np.ndarray:
        """Bring the values in an order of the caller's; once, since they are handed on.

        Parameters
        ----------
        places : ndarray of int, shape (columns,)
            Where each column goes.
        width : int
            Places in all; one that no column goes to is NaN.
        there : ndarray of bool, shape (rows, width), optional
            Filled with where the tables have a row.

        Returns
        -------
        ndarray, shape (rows, width)
        """
        values = np.empty((len(self._row_order), width))
        whole = len(self._order) == width
        rank = np.argsort(self._row_order)
        for number, own, known in self._store.drain():
            line = rank[number]
            if not whole:
                values[line] = np.nan
            wide, marks = _widened(own, known, len(self._order))
            values[line, places] = wide[self._order]
            if there is not None:
                there[line, places] = marks[self._order]
        return values


def collect(rows: Rows, of_row: Sequence[str], of_column: Sequence[str], *, in_order: Sequence[str] = ()) -> Collected:
    """Read values; parameters as of `read_matrix`."""
    lines, places, store = _Numbered(), _Numbered(), _Store()
    twice: dict[int, int] = {}
    for part in rows:
        if not len(part["value"]):
            continue
        line, place = lines.number(part, of_row), places.number(part, of_column)
        for one, mine in _each(line):
            values, there = store.row(one, len(places.known))
            own = place[mine]
            for again in _again(there, own):
                twice.setdefault(again, one)
            values[own] = part["value"][mine]
            there[own] = True
    row_order, row_heads = _sorted(lines, of_row, rows.words)
    order, heads = _sorted(places, of_column, rows.words, in_order)
    rank, row_rank = np.argsort(order), np.argsort(row_order)
    found_twice = {int(rank[column]): int(row_rank[row]) for column, row in twice.items()}
    return Collected(store, order, row_order, rows=row_heads, columns=heads, twice=found_twice)


class _Store:
    """Rows of values in the order of their first appearance, in blocks of ever more rows.

    A full block is larger than what the C library's allocator keeps for itself when it is freed (32 MB at the most), so
    that values which are handed on leave the process, and never lie in memory twice.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[np.ndarray, np.ndarray]] = []
        self._used: list[int] = []
        self._of_row: list[tuple[int, int]] = []  # block, and row of it

    def row(self, number: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of a row and where it has some, to be written into, with room for so many columns."""
        while len(self._of_row) <= number:
            if not self._blocks or self._used[-1] == len(self._blocks[-1][0]):
                size = min(max(FEWEST_ROWS, len(self._of_row)), _full(width))
                self._blocks.append((np.empty((size, width)), np.empty((size, width), dtype=bool)))
                self._used.append(0)
            values, there = self._blocks[-1]
            values[self._used[-1]], there[self._used[-1]] = np.nan, False
            self._of_row.append((len(self._blocks) - 1, self._used[-1]))
            self._used[-1] += 1
        block, own = self._of_row[number]
        if self._blocks[block][0].shape[1] < width:
            self._widen(block, width)
        values, there = self._blocks[block]
        return values[own], there[own]

    def drain(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Return number, values and marks of every row; a block is forgotten once all of its rows were taken."""
        first = 0
        for place, used in enumerate(self._used):
            values, there = self._blocks[place]
            self._blocks[place] = (values[:0].copy(), there[:0].copy())
            for own in range(used):
                yield first + own, values[own], there[own]
            first += used

    def _widen(self, block: int, width: int) -> None:
        """Make room in a block for columns that came later."""
        used, wider = self._used[block], []
        size = max(used, min(len(self._blocks[block][0]), _full(width)))
        for array, empty in zip(self._blocks[block], (np.nan, False), strict=True):
            room = np.empty((size, width), dtype=array.dtype)
            room[:used, : array.shape[1]] = array[:used]
            room[:used, array.shape[1] :] = empty
            wider.append(room)
        self._blocks[block] = (wider[0], wider[1])


def _full(width: int) -> int:
    return -(-BLOCK_BYTES // (8 * max(width, 1)))


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
