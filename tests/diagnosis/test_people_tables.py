"""A study from a table that people have: what must not matter does not, and what is wrong is said before any model."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.core.errors import InputError
from chiomics.core.features import people
from chiomics.core.left_out import LeftOut, say_left_out
from chiomics.diagnosis.cohort import build_cohort, read_cohort
from chiomics.diagnosis.estimators.adjust import ComBat
from chiomics.diagnosis.estimators.site import check_study, say_site, site_table
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.planning.participants import lacking_in_participants
from chiomics.diagnosis.planning.tables import TablesOfStudy, check_tables
from chiomics.diagnosis.recipe import design_matrix
from tests.core.features.tables import tidy_table

SETTINGS = complete_settings(
    {"nuclei": ["DN"], "demographics": ["age", "sex"], "confounders": [], "repeats": 1, "permutations": 0, "folds": 2}
)
TIDY = tidy_table(24)
small = settings(max_examples=5, derandomize=True, deadline=None)


def cohort_of(tidy: pd.DataFrame, **keys: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    left_out = LeftOut()
    return build_cohort(tidy, SETTINGS | keys, regions=["DN"], left_out=left_out), left_out.table()


def scores(cohort: pd.DataFrame, **keys: object) -> np.ndarray:
    own = SETTINGS | keys
    return evaluate(cohort, list_models(own)["DN"], own, scheme="nested").predictions["score"].to_numpy()


@small
@given(st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_and_files_changes_nothing(tmp_path_factory, random):
    rows, columns = list(range(len(TIDY))), list(TIDY.columns)
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = TIDY.iloc[rows][columns]
    expected, _ = cohort_of(TIDY)
    pd.testing.assert_frame_equal(cohort_of(shuffled)[0], expected)
    folder = tmp_path_factory.mktemp("files")
    names = list("abc")
    random.shuffle(names)
    paths = [folder / f"{name}.parquet" for name in names]
    for number, path in enumerate(paths):
        shuffled[number::3].to_parquet(path)
    pd.testing.assert_frame_equal(read_cohort(paths, SETTINGS, regions=["DN"]), expected)


@small
@given(st.permutations(["A", "B"]), st.sampled_from([("combat", "site"), ("regression", "site")]))
def test_names_of_sites_change_nothing(names, how):
    keys = {"adjust": how[0], "adjust_for": [how[1]], "demographics": []}
    renamed = TIDY.assign(site=TIDY["site"].map(dict(zip("AB", names, strict=True))))
    found = [scores(cohort_of(table, **keys)[0], **keys) for table in (TIDY, renamed)]
    # The same sums in the same order but for the columns of two indicators.
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


@small
@given(st.sampled_from([7.0, 0.0, -1e9, np.nan]), st.integers(0, 3))
def test_what_cannot_serve_changes_nothing_but_the_list_of_what_was_left_out(constant, unused):
    expected, nothing = cohort_of(TIDY)
    assert nothing.empty
    first = TIDY[TIDY["feature"] == "Id"]
    more = [TIDY.assign(unknown="x"), first.assign(feature="Flat", value=constant, unknown="x")]
    more += [TIDY[:5].assign(participant=f"sub-9{number}", group="HC") for number in range(unused)]
    found, left_out = cohort_of(pd.concat(more))
    pd.testing.assert_frame_equal(found, expected)
    assert left_out["what"].value_counts().to_dict() == {"feature": 1} | ({"session": unused} if unused else {})
    assert "original_glcm_Flat" in set(left_out["name"])
    assert f"{len(left_out)} " in say_left_out(left_out) or unused


def test_who_lacks_the_region_leaves_with_the_reason(caplog):
    both = pd.concat([TIDY, TIDY.assign(voi="GP")])
    found, left_out = cohort_of(both[~((both["participant"] == "sub-03") & (both["voi"] == "DN"))])
    assert len(found) == 23
    assert left_out[["what", "name"]].to_numpy().tolist() == [["session", "sub-03"]]
    assert "sub-03" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: pd.concat([t, t[:2]]), "twice"),
        (lambda t: t.assign(age=t["age"].where(t.index != 0, "77")), "sub-00 has several values of age"),
        (lambda t: t.assign(group=t["group"].where(t.index != 0, "NMOSD")), "several values of group"),
        (lambda t: t.assign(n_gray_levels=t["n_gray_levels"].where(t.index > 50), bin_width=25.0), "discretisations"),
        (lambda t: t.assign(voxel_size=np.where(t.index < 50, "1 1 1", "0.8 0.8 1")), "voxel_size"),
        (lambda t: t.assign(value=np.nan), "no feature has a value"),
        (lambda t: t.assign(value=np.where(t["feature"] == "Id", 1.0, np.nan)), "DN has no feature"),
        (lambda t: t.assign(group=t["group"].str.lower()), "groups? "),
        (lambda t: t.assign(preset="fiscone107"), "fiscone107"),
        (lambda t: t.drop(columns="group"), "group"),
        (lambda t: t.assign(sex="1"), "sex"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        cohort_of(change(TIDY))


@pytest.mark.parametrize("column", ["hemisphere", "echo_set", "inversion", "preset", "n_gray_levels", "image_type"])
def test_optional_columns_are_optional(column):
    pd.testing.assert_frame_equal(cohort_of(TIDY.drop(columns=column))[0], cohort_of(TIDY)[0])


def test_a_number_stays_one_and_a_category_becomes_indicators():
    years = TIDY["age"].where(TIDY["participant"] != "sub-05", "n/a")
    table = TIDY.assign(years=years, hand=np.where(TIDY["participant"] < "sub-07", "left", "right"))
    keys = {"adjust": "regression", "adjust_for": ["years", "hand"], "demographics": []}
    cohort, _ = cohort_of(table, **keys)
    design = design_matrix(cohort, list_models(SETTINGS | keys)["DN"], SETTINGS | keys)
    assert design["years"].isna().sum() == 1 and design["years"].max() == 53
    assert list(design.columns[-3:]) == ["years", "hand=left", "hand=right"]
    assert np.isfinite(scores(cohort, **keys)).all()
    with pytest.raises(InputError, match="hand"):
        gone = cohort_of(table.assign(hand=table["hand"].where(table["participant"] != "sub-05")), **keys)[0]
        design_matrix(gone, list_models(SETTINGS | keys)["DN"], SETTINGS | keys)


def test_combat_leaves_alone_what_does_not_vary():
    rng = np.random.default_rng(0)
    features, site = rng.normal(size=(40, 6)), np.repeat([0.0, 1.0], 20)
    expected = ComBat().fit_transform(np.column_stack([features, site]))
    flat = np.full(40, 7.0)
    within = np.where(site == 0, 3.0, rng.normal(size=40))
    found = ComBat().fit_transform(np.column_stack([features, flat, within, site]))
    np.testing.assert_array_equal(found[:, :6], expected)
    np.testing.assert_array_equal(found[:, 6:], np.column_stack([flat, within]))


def test_sites_that_cannot_serve_stop_the_study():
    tied = TIDY.assign(site=TIDY["group"])
    keys = {"groups_column": "site", "demographics": []}
    with pytest.raises(InputError, match=r"site.*nobody to train on"):
        check_study(cohort_of(tied, **keys)[0], SETTINGS | keys)
    alone = TIDY.assign(site=np.where(TIDY["participant"] == "sub-04", "C", TIDY["site"]))
    keys = {"adjust": "combat", "adjust_for": ["site"], "demographics": []}
    with pytest.raises(InputError, match="one participant alone"):
        check_study(cohort_of(alone, **keys)[0], SETTINGS | keys)
    check_study(cohort_of(TIDY, **keys)[0], SETTINGS | keys)
    for how in ("combat", "regression"):  # what is taken off with such a site is the diagnosis
        with pytest.raises(InputError, match="no site has both groups"):
            check_study(cohort_of(tied, **keys)[0], SETTINGS | keys | {"adjust": how})
    half = TIDY.assign(site=TIDY["site"].where(TIDY["participant"] > "sub-11", TIDY["site"].str.lower()))
    with pytest.raises(InputError, match="site: one word in two spellings; found 'A', 'a'"):
        check_study(cohort_of(half, **keys)[0], SETTINGS | keys)
    found = site_table(cohort_of(tied)[0], SETTINGS).iloc[0]
    assert found["auc"] == 1 and found["tied"] and "AUC 1.00" in say_site(site_table(cohort_of(tied)[0], SETTINGS))
    assert not site_table(cohort_of(TIDY)[0], SETTINGS)["tied"].any()


def test_a_variable_that_one_group_lacks_is_refused_and_single_gaps_are_said(tmp_path, caplog):
    """What stands in for a group without a value is the other group's median: a constant that tells them apart."""
    one_group = TIDY.assign(age=TIDY["age"].where(TIDY["group"] == "MS", "n/a"))
    with pytest.raises(InputError, match="no participant of NMOSD has a value of age"):
        cohort_of(one_group)
    one_group.to_csv(tmp_path / "f.csv", index=False)
    assert "no participant of NMOSD has a value of age" in check_tables([tmp_path / "f.csv"], SETTINGS).lacking
    assert not caplog.text
    cohort_of(TIDY.assign(age=TIDY["age"].where(TIDY["participant"] != "sub-04", "n/a")))
    assert "1 of 24 sessions have no value of age: the median" in caplog.text


def test_a_site_that_is_missing_is_named_by_participant():
    keys = {"adjust": "combat", "adjust_for": ["site"], "demographics": []}
    gap = TIDY.assign(site=TIDY["site"].where(TIDY["participant"] != "sub-04", ""))
    with pytest.raises(InputError, match="adjust_for site: participants without a value; found sub-04"):
        check_study(cohort_of(gap, **keys)[0], SETTINGS | keys)


def test_a_plan_says_what_participants_lack(tmp_path):
    rows = [
        {"participant_id": f"sub-{n}", "group": ("MS", "NMOSD")[n % 2], "age": str(30 + n), "sex": "FM"[n % 2]}
        for n in range(8)
    ]
    assert lacking_in_participants(rows, SETTINGS) == ""
    assert "edss" in lacking_in_participants(rows, SETTINGS | {"demographics": ["age", "edss"]}, ["age", "sex"])
    assert "89" in lacking_in_participants([*rows, rows[0] | {"age": "89+"}], SETTINGS)
    assert "which is which" in lacking_in_participants([row | {"sex": "1"} for row in rows], SETTINGS)
    assert "groups found: HC" in lacking_in_participants([row | {"group": "HC"} for row in rows], SETTINGS)


def in_ppb(table: pd.DataFrame) -> pd.DataFrame:
    """Give the table a range, of one participant in ppb."""
    more = table.drop_duplicates("participant").assign(feature_class="firstorder", feature="Range", value=3.0)
    more["value"] = np.where(more["participant"] == "sub-03", 3000.0, 3.0)
    return pd.concat([table, more])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="sex"), "no column sex"),
        (lambda t: t.assign(value=t["value"].astype(str).where(t.index != 7, "12a")), "row 9, column value.*12a"),
        (lambda t: t.assign(value=t["value"].where(t.index != 7, -999)), "-999 stands for a missing value"),
        (in_ppb, r"another unit.*Range 3e.03 of sub-03, 3 of the others"),
        (lambda t: pd.concat([t, t[:1]]), "there twice"),
        (lambda t: t.assign(voi="GP"), "region DN"),
        (lambda t: t.assign(group=t["group"].where(t["participant"] > "sub-22", "HC")), "participants of group"),
    ],
)
def test_a_plan_reads_tables_as_the_first_job_does_and_warns_of_nothing(tmp_path, caplog, change, said):
    TIDY.to_csv(tmp_path / "f.csv", index=False)
    found = check_tables([tmp_path / "f.csv"], SETTINGS)
    assert (found.lacking, found.sessions, found.features) == ("", 24, 5)
    change(TIDY).to_csv(tmp_path / "f.csv", index=False)
    assert re.search(said, check_tables([tmp_path / "f.csv"], SETTINGS).lacking)
    assert not caplog.text


def test_a_plan_leaves_large_tables_to_the_job(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "MAX_BYTES_WHEN_PLANNED", 10)
    TIDY.drop(columns="sex").to_csv(tmp_path / "f.csv", index=False)
    assert check_tables([tmp_path / "f.csv"], SETTINGS) == TablesOfStudy()
