"""A model file says all that the fitted pipeline does, and is applied to nothing but what it was trained on."""

from __future__ import annotations

import json
import logging
import tracemalloc
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.core.errors import InputError
from chiomics.core.features.table import open_features
from chiomics.core.left_out import LeftOut
from chiomics.diagnosis.cohort import build_cohort
from chiomics.diagnosis.model_file import (
    DEFINITION,
    NOTICE,
    describe_model,
    read_definition,
    read_model,
    record_model,
    write_model,
)
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.predict import predict
from chiomics.diagnosis.recipe import design_matrix, fit_final
from tests.diagnosis.cohorts import simulated_cohort, tidy_features

#: Scores are sums of a dozen terms in another order than the pipeline's: rounding alone may differ.
ROUNDING = 1e-12
OF = {"preset": "yan874", "echo_set": "all", "inversion": "star", "n_gray_levels": 32, "bin_width": None}
HOLES = {"value": np.nan, "reason": "no gradient"}


@cache
def make_tidy(seed: int = 5) -> pd.DataFrame:
    """Some features of two nuclei in three sites, with a few values missing and one infinite."""
    cohort = simulated_cohort(seed, regions=("DN", "RN"))
    names = list(cohort.columns[:8]) + list(cohort.columns[8::15])
    tidy = tidy_features(cohort[names])
    tidy.insert(4, "site", tidy["participant"].str[-1].map(lambda digit: "abc"[int(digit) % 3]))
    holes = np.random.default_rng(seed).choice(len(tidy), 60, replace=False)
    tidy.loc[holes[:-1], list(HOLES)] = list(HOLES.values())
    tidy.loc[holes[-1], "value"] = np.inf
    return tidy


def build(tidy: pd.DataFrame, **settings: object):
    settings = complete_settings({"nuclei": ["DN", "RN"], **settings})
    return build_cohort(tidy, settings, regions=["DN", "RN"]), settings


@pytest.fixture(scope="module")
def tidy() -> pd.DataFrame:
    return make_tidy()


@pytest.fixture(scope="module")
def saved(tidy, tmp_path_factory):
    cohort, settings = build(tidy)
    model = list_models(settings)["hybrid"]
    record = describe_model(cohort, model, settings, definition=OF, source="tests", simulated=True)
    path = tmp_path_factory.mktemp("model") / "hybrid.json"
    write_model(path, record)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"abnormal_z": 2.0, "hybrid_nucleus": "best"},
        {"adjust": "regression", "adjust_for": ["age", "sex"], "estimator": "firth"},
        {"adjust": "combat", "adjust_for": ["site"], "estimator": "ridge"},
    ],
    ids=["default", "abnormal", "regression", "combat"],
)
def test_scores_equal_those_of_the_pipeline(settings, tmp_path):
    cohort, complete = build(make_tidy(), **settings)
    new = make_tidy(6)
    others = build(new, **settings)[0]
    for name in ("DN", "demographics", "hybrid"):
        model = list_models(complete)[name]
        pipeline, columns = fit_final(cohort, model, complete)
        about = {"definition": OF, "source": "tests", "simulated": True}
        write_model(tmp_path / "model.json", record_model(pipeline, columns, cohort, model, complete, **about))
        expected = pipeline.predict_proba(design_matrix(others, model, complete).to_numpy())[:, 1]
        found = predict(read_model(tmp_path / "model.json"), new)
        assert list(found["participant"]) == list(others["participant"])
        np.testing.assert_allclose(found["score"], expected, rtol=0, atol=ROUNDING)
        assert found["score"].std() > 0.05


def test_what_the_file_says(saved, tidy):
    record = json.loads(saved.read_text())
    assert record["intended_use"] == NOTICE
    assert record["training"] == {
        "source": "tests", "simulated": True, "n_sessions": 83, "participants": {"MS": 47, "NMOSD": 36},
        "sex": "1 is male, 0 is female",
    }  # fmt: skip
    assert record["definition"] == OF
    for part in record["predictors"]:
        assert part["training_low"] <= part["median"] <= part["training_high"]
    cohort, settings = build(tidy)
    again = describe_model(
        cohort, list_models(settings)["hybrid"], settings, definition=OF, source="tests", simulated=True
    )
    write_model(saved.with_name("again.json"), again)
    assert saved.with_name("again.json").read_bytes() == saved.read_bytes()


def radiomic(record: dict) -> dict:
    return next(part for part in record["predictors"] if part["kind"] == "radiomic")


def rows_of(tidy: pd.DataFrame, part: dict) -> pd.Series:
    keys = {"voi": "voi", "image_type": "image_type", "feature_class": "feature_class", "feature": "name"}
    return np.logical_and.reduce([tidy[column] == part[key] for column, key in keys.items()])


@pytest.mark.parametrize(
    ("column", "value"),
    [("preset", "fiscone107"), ("echo_set", "3TE"), ("inversion", "tv"), ("n_gray_levels", 64), ("bin_width", 5.0)],
)
def test_a_feature_that_is_defined_differently_is_refused(saved, tidy, column, value):
    assert column in DEFINITION
    with pytest.raises(InputError, match=f"differently: {column}") as caught:
        predict(read_model(saved), tidy.assign(**{column: value}))
    assert str(value) in caught.value.found


def test_the_right_definition_is_picked_among_several(saved, tidy):
    record = read_model(saved)
    both = pd.concat([tidy.assign(n_gray_levels=64, value=0.0), tidy], ignore_index=True)
    pd.testing.assert_frame_equal(predict(record, both), predict(record, tidy))


def test_missing_features_are_refused_and_missing_values_counted(saved, tidy, caplog):
    record = read_model(saved)
    part = radiomic(record)
    here = rows_of(tidy, part)
    with pytest.raises(InputError, match="is missing"):
        predict(record, tidy.loc[~here])
    first = tidy["participant"].iloc[0]
    left_out = LeftOut()
    without = predict(record, tidy.loc[~(here & (tidy["participant"] == first))], left_out)
    assert set(without["participant"]) == set(tidy["participant"]) - {first}
    assert [(row[0], row[1]) for row in left_out.rows] == [("session", first)]
    with pytest.raises(InputError, match="several values"):
        predict(record, pd.concat([tidy, tidy.loc[here]]))
    unknown = tidy.copy()
    unknown.loc[here, list(HOLES)] = list(HOLES.values())
    with caplog.at_level(logging.WARNING):
        found = predict(record, unknown)
    assert (found["n_imputed"] >= 1).all()
    assert "83 of 83 sessions have no usable value" in caplog.text
    at_median = tidy.copy()
    at_median.loc[here, "value"] = part["median"]
    np.testing.assert_allclose(found["score"], predict(record, at_median)["score"], rtol=0, atol=ROUNDING)


def test_values_outside_the_training_range_are_told(saved, tidy, caplog):
    record = read_model(saved)
    assert (predict(record, tidy)["n_outside_range"] == 0).all()
    part = radiomic(record)
    far = tidy.copy()
    there = rows_of(tidy, part) & (tidy["participant"] == tidy["participant"].iloc[-1])
    far.loc[there, "value"] = part["training_high"] + 1
    with caplog.at_level(logging.WARNING):
        found = predict(record, far)
    assert found["n_outside_range"].sum() == 1
    assert found.loc[found["n_outside_range"] == 1, "outside_range"].tolist() == [part["feature"]]
    assert "outside the training range" in caplog.text


def test_demographics_that_are_missing_are_refused(saved, tidy):
    with pytest.raises(InputError, match="edss"):
        predict(read_model(saved), tidy.drop(columns="edss"))


def test_a_site_without_training_subjects_is_refused():
    cohort, settings = build(make_tidy(), adjust="combat", adjust_for=["site"])
    record = describe_model(
        cohort, list_models(settings)["DN"], settings, definition=OF, source="tests", simulated=True
    )
    with pytest.raises(InputError, match="unknown site"):
        predict(record, make_tidy().assign(site="d"))


def test_a_covariate_that_new_sessions_lack_is_named(caplog):
    cohort, settings = build(make_tidy(), adjust="regression", adjust_for=["age"])
    record = describe_model(
        cohort, list_models(settings)["DN"], settings, definition=OF, source="tests", simulated=True
    )
    new = make_tidy(6)
    predict(
        record, new.assign(age=new["age"].astype(str).where(new["participant"] != new["participant"].iloc[0], "n/a"))
    )
    assert "covariate age: 1 of" in caplog.text
    with pytest.raises(InputError, match="no session has a value of the covariate age"):
        predict(record, new.assign(age="n/a"))


@settings(max_examples=4, derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([7.0, np.nan]))
def test_order_and_what_the_model_does_not_use_change_no_score(saved, tidy, tmp_path_factory, seed, constant):
    record = read_model(saved)
    expected = predict(record, tidy)
    rng = np.random.default_rng(seed)
    rows, columns, names = (rng.permutation(one) for one in (len(tidy), tidy.columns, list("abc")))
    folder = tmp_path_factory.mktemp("files")
    first = tidy[tidy["feature"] == tidy["feature"].iloc[0]]
    unused = first[:5].assign(participant="sub-unused", voi="other")
    more = [first.assign(feature="Flat", value=constant), unused]
    for number, name in enumerate(names):
        part = pd.concat([tidy.iloc[rows][columns][number::3], *(more if number == 0 else [])]).assign(unknown="x")
        part.to_parquet(folder / f"{name}.parquet")
    left_out = LeftOut()
    pd.testing.assert_frame_equal(predict(record, open_features(folder.iterdir()), left_out), expected)
    assert [row[1] for row in left_out.rows] == ["sub-unused"]


@pytest.mark.parametrize("change", [{"format": "other"}, {"format_version": 2}, {"predictors": None}, {}])
def test_what_is_no_model_is_refused(saved, tmp_path, change):
    record = json.loads(saved.read_text()) | change
    record = {key: value for key, value in record.items() if value is not None}
    if not change:
        record["predictors"][0]["coefficient"] = None
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"model|missing"):
        read_model(path)


def test_the_definition_is_found_in_the_files(tidy, tmp_path):
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for path in paths:
        tidy.to_parquet(path)
    settings = complete_settings({})
    assert read_definition(paths, settings) == OF
    tidy.assign(inversion="tv").to_parquet(paths[1])
    with pytest.raises(InputError, match="inversion"):
        read_definition(paths, settings)
    assert read_definition(paths, settings | {"inversion": "tv"})["inversion"] == "tv"


def test_who_lacks_the_models_regions_is_left_out_by_name(saved, tidy, tmp_path):
    record, first = read_model(saved), tidy["participant"].iloc[0]
    otherwise = tidy.assign(voi=tidy["voi"].where(tidy["participant"] != first, "dn"))
    left_out = LeftOut()
    found = predict(record, otherwise, left_out)
    expected = predict(record, tidy)
    pd.testing.assert_frame_equal(found, expected[expected["participant"] != first].reset_index(drop=True))
    assert [row[1].startswith(first) for row in left_out.rows] == [True]
    otherwise.assign(voi="dn").to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(InputError, match=r"f\.csv.*voi dn.*expected DN"):
        predict(record, open_features(tmp_path / "f.csv"))


def test_a_code_for_a_missing_value_is_no_number_of_a_new_session(tidy, saved):
    record = read_model(saved)
    part = next(part for part in record["predictors"] if part["kind"] == "radiomic")
    name = part["feature"].rpartition("_")[2]
    new = tidy[tidy["participant"] == tidy["participant"].iloc[0]]
    with pytest.raises(InputError, match="-9999 stands for a missing value"):
        predict(record, new.assign(value=new["value"].where(new["feature"] != name, -9999)))


def test_a_map_in_another_unit_than_the_trainings_is_refused(tidy, saved):
    record = read_model(saved)
    part = next(part for part in record["predictors"] if part["kind"] == "radiomic")
    filtered, kind, name = (part[key] for key in ("image_type", "feature_class", "name"))
    is_it = (tidy["image_type"] == filtered) & (tidy["feature_class"] == kind) & (tidy["feature"] == name)
    part |= {"feature": f"{part['voi']}.original_firstorder_Range", "training_low": 0.1, "training_high": 0.5}
    predict(record, tidy.assign(value=tidy["value"].where(~is_it, 0.2)))
    with pytest.raises(InputError, match=r"another unit.*Range of .*: 200.*expected 0\.1 to 0\.5"):
        predict(record, tidy.assign(value=tidy["value"].where(~is_it, 200.0)))


@pytest.mark.parametrize("change", [{"predictors": "x"}, {"predictors": [1]}, {"predictors": []}, {"adjustment": "x"}])
def test_a_model_that_is_mangled_is_refused(saved, tmp_path, change):
    (tmp_path / "m.json").write_text(json.dumps(json.loads(saved.read_text()) | change))
    with pytest.raises(InputError, match="no lists of records"):
        read_model(tmp_path / "m.json")


def test_features_that_the_model_does_not_use_take_no_room(saved, tidy, tmp_path):
    """A session more costs less than the values alone of its 1,000 other features, whose names would take far more."""
    record, unused = read_model(saved), 1000
    people = tidy["participant"].unique()
    own = {str(name): part for name, part in tidy.groupby("participant")}
    region = next(part["voi"] for part in record["predictors"] if part["kind"] == "radiomic").partition("-")[0]
    names = [f"Other{number}" for number in range(unused)]
    peaks, scores = [], []
    for sessions in (5, 15):
        folder = tmp_path / str(sessions)
        folder.mkdir()
        for name in people[:sessions]:
            one = own[name][own[name]["voi"] == region].iloc[[0]]
            more = pd.concat([one] * unused).assign(feature=names)
            pd.concat([own[name], more]).to_parquet(folder / f"{name}.parquet", index=False)
        features = open_features(sorted(folder.glob("*.parquet")))
        tracemalloc.start()
        scores.append(predict(record, features))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    pd.testing.assert_frame_equal(scores[1].iloc[:5], scores[0])
    whole = predict(record, tidy[tidy["participant"].isin(people[:15])])
    pd.testing.assert_frame_equal(scores[1], whole)
    assert (peaks[1] - peaks[0]) / 10 < 8 * unused
