"""The tables of the whole study: the same whatever the batches of jobs, and read as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.diagnosis.models import list_models
from chiomics.diagnosis.study import summarise_study
from chiomics.diagnosis.tables import read_parts, read_table, write_tidy
from tests.diagnosis.study import small_study


def in_batches(table: pd.DataFrame, folder: Path, seed: int) -> list[Path]:
    """Write a table as jobs would that took chunks of models and schemes in any order, some of them in one batch."""
    rng = np.random.default_rng(seed)
    jobs = [part for _, part in table.groupby([*table.columns[:3]], sort=False)]  # repeat or permutation comes third
    order = rng.permutation(len(jobs))
    paths = []
    for number, batch in enumerate(np.array_split(order, rng.integers(1, len(jobs) + 1))):
        paths.append(folder / f"{seed}_{number}.parquet")
        write_tidy(pd.concat([jobs[job] for job in batch]), paths[-1])
    return paths


@pytest.mark.parametrize("name", ["predictions", "selected", "permutation"])
def test_the_batches_of_jobs_leave_no_trace(tmp_path, name):
    study = small_study()
    models = list(list_models(study.settings))
    write_tidy(study.tables[name], tmp_path / "whole.parquet")
    for seed in range(5):
        read = read_parts(in_batches(study.tables[name], tmp_path, seed), models)
        write_tidy(read, tmp_path / "again.parquet")
        assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_the_study_s_tables_do_not_depend_on_the_batches(tmp_path):
    study = small_study()
    models, names = list(list_models(study.settings)), ("predictions", "selected", "permutation")
    parts = [read_parts(in_batches(study.tables[name], tmp_path, k), models) for k, name in enumerate(names)]
    again = summarise_study(study.cohort, *parts, study.settings)
    assert list(again) == list(study.tables)
    for name, table in study.tables.items():
        pd.testing.assert_frame_equal(again[name], table, check_exact=True)


@pytest.mark.parametrize("ending", [".tsv", ".parquet"])
def test_a_table_comes_back_as_it_was_written(tmp_path, ending):
    for name in ("performance", "delong", "roc"):
        table = small_study().tables[name]
        write_tidy(table, tmp_path / f"{name}{ending}")
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}{ending}"), table, check_dtype=False)
