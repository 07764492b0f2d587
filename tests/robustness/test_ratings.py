"""Reading feature tables: every value where it belongs, nothing twice, and what is missing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.table import open_features
from chiomics.robustness.ratings import Axis, Ratings, read_ratings
from chiomics.robustness.robust_features import NO_RECONSTRUCTION, list_missing
from chiomics.robustness.settings import Settings
from tests.robustness.cohorts import ECHO_SETS, PER_REGION, REGIONS, make_cohort, write_cohort

AXIS = Axis("echo_set", "echo_set", ECHO_SETS, {"inversion": ("ilsqr",), "perturbation": ("",)})


def as_frame(ratings: Ratings) -> pd.DataFrame:
    """Turn the array back into a tidy table."""
    session, rater, column = (axis.ravel() for axis in np.indices(ratings.values.shape))
    return pd.concat(
        [
            ratings.sessions.iloc[session].reset_index(drop=True),
            pd.DataFrame({"echo_set": np.array(ratings.raters)[rater], "value": ratings.values.ravel()}),
            ratings.columns.iloc[column].reset_index(drop=True),
        ],
        axis=1,
    )


def same_values(ratings: Ratings, frame: pd.DataFrame) -> bool:
    keys = ["participant", "voi", "hemisphere", "echo_set", "n_gray_levels", "feature_class", "feature"]
    found = as_frame(ratings).set_index(keys)["value"].sort_index()
    expected = frame.set_index(keys)["value"].sort_index()
    return found.index.equals(expected.index) and np.array_equal(found, expected)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return make_cohort(6)


def test_every_value_is_where_it_belongs(cohort: pd.DataFrame, tmp_path: Path) -> None:
    ratings = read_ratings(open_features(write_cohort(cohort, tmp_path)), AXIS)
    assert ratings.values.shape == (6, 3, len(REGIONS) * PER_REGION * 2)
    assert ratings.raters == ECHO_SETS
    assert same_values(ratings, cohort)


@pytest.mark.parametrize("ending", [".parquet", ".tsv", ".csv"])
def test_one_table_is_as_good_as_many(cohort: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"all{ending}"
    shuffled = cohort.sample(frac=1, random_state=0)
    if ending == ".parquet":
        shuffled.to_parquet(path, index=False)
    else:
        shuffled.to_csv(path, sep="\t" if ending == ".tsv" else ",", index=False)
    assert same_values(read_ratings(open_features(path), AXIS), cohort)


def test_columns_that_a_table_may_lack_are_filled(cohort: pd.DataFrame, tmp_path: Path) -> None:
    spare = cohort.drop(columns=["session", "run", "preset", "bin_width", "image_type", "reason", "group"])
    spare.to_parquet(tmp_path / "spare.parquet", index=False)
    ratings = read_ratings(open_features(tmp_path / "spare.parquet"), AXIS, keep={"preset": ("fiscone107",)})
    assert same_values(ratings, cohort)
    assert (ratings.sessions["group"] == "").all()


def test_only_what_is_wanted_is_read(cohort: pd.DataFrame, tmp_path: Path) -> None:
    features = open_features(write_cohort(cohort, tmp_path))
    ratings = read_ratings(features, AXIS, keep={"voi": ("CST",), "n_gray_levels": (64,)})
    wanted = cohort[(cohort["voi"] == "CST") & (cohort["n_gray_levels"] == 64)]
    assert same_values(ratings, wanted)


def test_perturbed_sessions_are_an_axis_of_their_own(cohort: pd.DataFrame, tmp_path: Path) -> None:
    base = write_cohort(cohort, tmp_path)
    noisy = cohort[cohort["echo_set"] == "all"].assign(perturbation="noise", value=lambda frame: frame["value"] + 1)
    noisy.to_parquet(tmp_path / "noise.parquet", index=False)
    features = open_features([*base, tmp_path / "noise.parquet"])
    assert same_values(read_ratings(features, AXIS), cohort)
    axis = Axis("noise", "perturbation", ("", "noise"), {"echo_set": ("all",), "inversion": ("ilsqr",)})
    ratings = read_ratings(features, axis)
    np.testing.assert_allclose(ratings.values[:, 1] - ratings.values[:, 0], 1)


def test_a_value_that_is_there_twice_is_refused(cohort: pd.DataFrame, tmp_path: Path) -> None:
    pd.concat([cohort, cohort.iloc[[17]]]).to_parquet(tmp_path / "twice.parquet", index=False)
    with pytest.raises(InputError, match="twice") as caught:
        read_ratings(open_features(tmp_path / "twice.parquet"), AXIS)
    assert cohort.iloc[17]["feature"] in caught.value.found


def test_a_participant_of_two_groups_is_refused(cohort: pd.DataFrame, tmp_path: Path) -> None:
    mixed = cohort.copy()
    mixed.loc[3, "group"] = "HC"
    mixed.to_parquet(tmp_path / "mixed.parquet", index=False)
    with pytest.raises(InputError, match="two groups"):
        read_ratings(open_features(tmp_path / "mixed.parquet"), AXIS)


def test_missing_values_are_counted_with_their_reason(cohort: pd.DataFrame, tmp_path: Path) -> None:
    lost = (cohort["participant"] == "sub-02") & (cohort["echo_set"] == "1TE")
    holed = cohort[~lost].copy()
    small = (holed["participant"] == "sub-04") & (holed["voi"] == "CST") & (holed["hemisphere"] == "L")
    holed.loc[small, ["value", "reason"]] = np.nan, "too small"
    features = open_features(write_cohort(holed, tmp_path))
    ratings = read_ratings(features, AXIS)
    missing = list_missing(features, AXIS, ratings, {})
    gone = missing[missing["reason"] == NO_RECONSTRUCTION]
    assert set(gone["rater"]) == {"1TE"}
    assert len(gone) == len(REGIONS)
    assert (gone["n_sessions"] == 1).all()
    refused = missing[missing["reason"] == "too small"]
    assert refused[["rater", "voi", "hemisphere"]].values.tolist() == [[name, "CST", "L"] for name in ECHO_SETS]
    assert len(gone) + len(refused) == len(missing)


def test_what_cannot_be_read_says_why(cohort: pd.DataFrame, tmp_path: Path) -> None:
    cohort.drop(columns="voi").to_parquet(tmp_path / "a.parquet", index=False)
    with pytest.raises(InputError, match="voi"):
        open_features(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"b\.parquet"):
        open_features(tmp_path / "b.parquet")
    features = open_features(write_cohort(cohort, tmp_path / "c"))
    with pytest.raises(InputError, match="column of the axis"):
        read_ratings(features, Axis("field", "field_strength"))
    with pytest.raises(InputError, match="voi CC"):
        read_ratings(features, AXIS, keep={"voi": ("CC",)})


def test_settings_find_the_reconstructions_and_ask_where_they_cannot(cohort: pd.DataFrame, tmp_path: Path) -> None:
    features = open_features(write_cohort(cohort, tmp_path))
    found = Settings().with_found(features)
    assert (found.inversion, found.echo_sets) == ("ilsqr", ("all", "1TE", "3TE"))
    with pytest.raises(InputError, match="2TE"):
        Settings.from_config({"echo_sets": ["all", "2TE"]}).with_found(features)
    with pytest.raises(InputError, match="not two"):
        Settings.from_config({"echo_sets": ["all"]}).with_found(features)
    both = pd.concat([cohort, cohort.assign(inversion="star")])
    features = open_features(write_cohort(both, tmp_path))
    with pytest.raises(SettingError, match="several inversions"):
        Settings().with_found(features)
    assert Settings.from_config({"inversion": "star"}).with_found(features).inversion == "star"
    for wrong in ({"treshold": 0.9}, {"icc": "ICC(3,k)"}, {"bootstraps": 1}):
        with pytest.raises(SettingError):
            Settings.from_config(wrong)


def test_sessions_in_another_unit_are_refused_by_name(cohort: pd.DataFrame, tmp_path: Path) -> None:
    named = (cohort["feature_class"] == "firstorder") & (cohort["feature"] == "Mean")
    spread = cohort.assign(feature=cohort["feature"].where(~named, "Range"), value=cohort["value"].where(~named, 0.3))
    read_ratings(open_features(write_cohort(spread, tmp_path)), AXIS)
    who = cohort["participant"].iloc[0]
    spread.loc[spread["participant"] == who, "value"] *= 1000
    with pytest.raises(InputError, match=rf"another unit.*original_firstorder_Range 300 of {who}, 0\.3 of the others"):
        read_ratings(open_features(write_cohort(spread, tmp_path)), AXIS)
