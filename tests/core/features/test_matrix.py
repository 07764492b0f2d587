"""A cohort's values as one matrix: equal to the whole table pivoted, and no larger than its values."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from chiomics.core.features.matrix import read_matrix
from chiomics.core.features.rows import Rows
from chiomics.core.features.table import open_features
from tests.core.features.tables import FEATURES, tidy_table

OF_ROW = ("participant", "session", "run")
OF_COLUMN = ("voi", "n_gray_levels", "feature")


def read(tables, folder):
    """Write a file for each table, and read them into a matrix."""
    for number, table in enumerate(tables):
        table.to_parquet(folder / f"{number:03d}.parquet", index=False)
    rows = Rows(open_features(sorted(folder.glob("*.parquet"))), [*OF_ROW, *OF_COLUMN])
    return read_matrix(rows, OF_ROW, OF_COLUMN)


def cohort(participants=7, seed=0):
    """Return a table with two regions, of which one lacks in the first participants, and two grey levels."""
    table = tidy_table(participants, seed=seed, vois=("DN", "GP"))
    twice = pd.concat([table, table.assign(n_gray_levels=8, value=table["value"] * 2)])
    return twice[(twice["voi"] != "GP") | (twice["participant"] > "sub-02")]


@pytest.mark.parametrize("parts", ["one file", "a file each", "shuffled", "by feature"])
def test_the_matrix_is_the_whole_table_pivoted(tmp_path, parts):
    table = cohort()
    table.loc[table.index[3], "value"] = np.nan
    tables = {
        "one file": [table],
        "a file each": [part for _, part in table.groupby("participant")],
        "shuffled": np.array_split(np.random.default_rng(1).permutation(len(table)), 5),
        "by feature": [part.iloc[::-1] for _, part in table.groupby("feature")],
    }[parts]
    tables = [part if isinstance(part, pd.DataFrame) else table.iloc[part] for part in tables]
    found = read(tables, tmp_path)
    wide = table.pivot(index="participant", columns=list(OF_COLUMN), values="value").sort_index().sort_index(axis=1)
    assert found.rows["participant"].tolist() == wide.index.tolist()
    assert list(found.columns.itertuples(index=False, name=None)) == wide.columns.tolist()
    np.testing.assert_array_equal(found.values, wide.to_numpy())
    there = table.assign(value=1.0).pivot(index="participant", columns=list(OF_COLUMN), values="value")
    np.testing.assert_array_equal(found.there, there[wide.columns].notna().to_numpy())
    assert not found.twice


@pytest.mark.parametrize("apart", [False, True])
def test_a_value_that_is_there_twice_is_told_from_one_file_or_two(tmp_path, apart):
    table = cohort()
    again = table[(table["participant"] == "sub-05") & (table["feature"] == FEATURES[2])].iloc[:1]
    found = read([table, again] if apart else [pd.concat([table, again])], tmp_path)
    ((column, row),) = found.twice.items()
    assert found.rows.loc[row, "participant"] == "sub-05"
    assert found.columns.loc[column, "feature"] == FEATURES[2]


def test_words_of_the_first_column_come_in_the_order_that_is_asked_for(tmp_path):
    cohort().to_parquet(tmp_path / "one.parquet", index=False)
    rows = Rows(open_features(tmp_path / "one.parquet"), [*OF_ROW, *OF_COLUMN])
    found = read_matrix(rows, OF_ROW, OF_COLUMN, in_order=("GP", "DN"))
    assert found.columns["voi"].unique().tolist() == ["GP", "DN"]
    assert found.columns.loc[found.columns["voi"] == "DN", "n_gray_levels"].is_monotonic_increasing


def test_nothing_but_values_grows_with_the_sessions(tmp_path):
    """A session's row in the matrix, a quarter of it in marks, and one block that is copied from: less than two."""
    one = pd.concat([tidy_table(1).assign(feature=f"F{number}") for number in range(2000)], ignore_index=True)
    one = one.drop_duplicates(["feature"])
    peaks = []
    for sessions in (10, 50):
        folder = tmp_path / str(sessions)
        folder.mkdir()
        for number in range(sessions):
            one.assign(participant=f"sub-{number:03d}").to_parquet(folder / f"{number:03d}.parquet", index=False)
        features = open_features(sorted(folder.glob("*.parquet")))
        tracemalloc.start()
        assert features.distinct("echo_set") == ["all"]
        alone = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        found = read_matrix(Rows(features, [*OF_ROW, *OF_COLUMN]), OF_ROW, OF_COLUMN)
        peaks.append((alone, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
        assert found.values.shape == (sessions, len(one))
    of_words, of_matrix = np.diff(peaks, axis=0)[0] / 40 / (8 * len(one))
    assert of_words < 0.5, "the words of a column take no room for each row"
    assert of_matrix < 2


def test_values_lie_in_the_process_once():
    """What the C library keeps of freed rows no counter of Python sees: 137 MB of values, in 1.6 times as much at most.

    Marks take an eighth of the values, the block that is copied from 40 MB, and a fifth is slack.
    """
    code = """
import resource, numpy as np
from chiomics.core.features.matrix import Collected, _Store
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, width, rows = peak(), 57_000, 300
store = _Store()
for number in range(rows):
    store.row(number, width // 2)
    values, there = store.row(number, width)
    values[:], there[:] = number + np.arange(width), True
read = Collected(store, np.arange(width)[::-1], np.arange(rows)[::-1], rows=None, columns=None, twice={})
found = read.fill(np.arange(width), width)
assert all((line == rows - 1 - number + np.arange(width)[::-1]).all() for number, line in enumerate(found))
print((peak() - before) / (8 * width * rows))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 1.6
