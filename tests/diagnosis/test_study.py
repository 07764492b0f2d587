"""The tables of the whole study: the same whatever the batches of jobs, and read as they were written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from chiomics.diagnosis.models import list_models
from chiomics.diagnosis.study import summarise_study
from chiomics.diagnosis.study_tables import read_parts, read_table, write_tidy
from tests.diagnosis.study import small_study


def in_batches(table: pd.DataFrame, folder: Path, name: str) -> list[Path]:
    """Write a table as jobs would that took the models the other way round."""
    paths = []
    for number, (_, part) in enumerate(reversed(list(table.groupby(["model", "scheme"], sort=False)))):
        paths.append(folder / f"{name}_{number}.parquet")
        write_tidy(part, paths[-1])
    return paths


def test_the_batches_of_jobs_leave_no_trace(tmp_path):
    study = small_study()
    names = ("predictions", "selected", "permutation")
    models = list(list_models(study.settings))
    parts = [read_parts(in_batches(study.tables[name], tmp_path, name), models) for name in names]
    assert list(parts[0]["model"].unique()) == models
    again = summarise_study(study.cohort, *parts, study.settings)
    assert list(again) == list(study.tables)
    for name, table in study.tables.items():
        keys = [key for key in ("model", "model_1", "model_2", "scheme") if key in table]
        first, second = (
            one.sort_values(keys, kind="stable").reset_index(drop=True) for one in (table, again[name])
        )  # batches are in another order, and so are schemes
        pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize("ending", [".tsv", ".parquet"])
def test_a_table_comes_back_as_it_was_written(tmp_path, ending):
    for name in ("performance", "delong", "roc"):
        table = small_study().tables[name]
        write_tidy(table, tmp_path / f"{name}{ending}")
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}{ending}"), table, check_dtype=False)
