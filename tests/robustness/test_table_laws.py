"""What must not matter to the study of robustness does not: the order of a table, and what cannot serve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.core.errors import InputError
from chiomics.core.features.table import open_features
from chiomics.robustness.fiscone2023.study import analyse_agreement, lacking_in_tables
from chiomics.robustness.settings import Settings
from tests.robustness.cohorts import make_cohort

TIDY = make_cohort(8, gray_levels=(16,), regions=(("AF", "L"), ("AF", "R")))
CHOSEN = Settings.from_config({"vois": ["AF"], "gray_levels": [16], "bootstraps": 10})
few = settings(max_examples=4, derandomize=True, deadline=None)


def analysed(source: object) -> dict[str, pd.DataFrame]:
    return analyse_agreement(open_features(source), CHOSEN)


EXPECTED = analysed(TIDY)


@few
@given(st.randoms(use_true_random=False))
def test_order_of_rows_columns_and_files_changes_nothing(tmp_path_factory, random):
    rows, columns, names = list(range(len(TIDY))), list(TIDY.columns), list("abc")
    for one in (rows, columns, names):
        random.shuffle(one)
    folder = tmp_path_factory.mktemp("files")
    for number, name in enumerate(names):
        TIDY.iloc[rows][columns][number::3].to_parquet(folder / f"{name}.parquet")
    found = analysed(sorted(folder.iterdir()))
    for name, table in EXPECTED.items():
        pd.testing.assert_frame_equal(found[name], table)


@few
@given(st.sampled_from([7.0, 0.0, -1e9, np.nan]), st.integers(1, 3))
def test_what_cannot_serve_changes_nothing_but_the_list_of_what_was_left_out(constant, unused):
    mean = TIDY[TIDY["feature"] == "Mean"]
    more = [TIDY.assign(unknown="x"), mean.assign(feature="Flat", value=constant)]
    more += [mean[:3].assign(participant=f"sub-9{number}", voi="OR") for number in range(unused)]
    found = analysed(pd.concat(more))
    icc = found["icc.parquet"].query("feature != 'Flat'").reset_index(drop=True)
    pd.testing.assert_frame_equal(icc, EXPECTED["icc.parquet"])
    left_out = found["left_out.tsv"].query("what in ['session', 'feature']")
    assert set(left_out["name"]) == {f"sub-9{number}" for number in range(unused)} | {"original_firstorder_Flat"}
    robust = ["n_robust", "low", "high"]
    pd.testing.assert_frame_equal(found["counts.tsv"][robust], EXPECTED["counts.tsv"][robust])


def test_one_session_alone_is_no_study():
    with pytest.raises(InputError, match=r"sub-00.*two or more"):
        analysed(TIDY[TIDY["participant"] == "sub-00"])


def test_a_plan_reads_tables_as_the_study_does(tmp_path, caplog):
    TIDY.to_parquet(tmp_path / "f.parquet")
    assert lacking_in_tables([tmp_path / "f.parquet"], CHOSEN) == ""
    twice = pd.concat([TIDY, TIDY[:1]])
    coded = TIDY.assign(value=TIDY["value"].where(np.arange(len(TIDY)) != 3, -9999))
    one_map = TIDY[TIDY["echo_set"] == "all"]
    alone = TIDY[TIDY["participant"] == "sub-00"]
    said = ("there twice", "-9999 stands for a missing value", "there are not two", "sub-00")
    for table, words in zip((twice, coded, one_map, alone), said, strict=True):
        table.to_parquet(tmp_path / "f.parquet")
        assert words in lacking_in_tables([tmp_path / "f.parquet"], CHOSEN)
    assert not caplog.text
