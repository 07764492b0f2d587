"""Wide tables from elsewhere give the tidy table that they were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.table import import_features, open_features
from chiomics.core.features.wide import NOT_A_NUMBER, UNMATCHED, read_column_map
from chiomics.radiomics.tables import widen
from chiomics.robustness.ratings import Axis, read_ratings
from tests.robustness.cohorts import ECHO_SETS, make_cohort

KEYS = ["participant", "voi", "hemisphere", "echo_set", "n_gray_levels", "feature_class", "feature"]
AXIS = Axis("echo_set", "echo_set", ECHO_SETS)


def same(path: Path, cohort: pd.DataFrame) -> bool:
    found = pd.read_parquet(path).set_index(KEYS)["value"].sort_index()
    expected = cohort.set_index(KEYS)["value"].sort_index()
    expected.index = expected.index.set_levels(expected.index.levels[4].astype(float), level=4)
    return found.index.equals(expected.index) and np.allclose(found, expected, rtol=1e-15)


def map_in(folder: Path, **column_map: object) -> dict:
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump(column_map))
    return read_column_map(path)


def test_the_projects_own_wide_table_comes_back(tmp_path: Path) -> None:
    cohort = make_cohort(4)
    widen(cohort.drop(columns=["reason"])).to_csv(tmp_path / "wide.tsv", sep="\t", index=False)
    named = [name for name in cohort.columns if name in (*KEYS[:5], "session", "run", "group", "inversion", "preset")]
    rows = import_features(
        [tmp_path / "wide.tsv"], map_in(tmp_path, columns={name: name for name in named}), tmp_path / "t.parquet"
    )
    assert rows == len(cohort)
    assert same(tmp_path / "t.parquet", cohort)
    ratings = read_ratings(open_features(tmp_path / "t.parquet"), AXIS)
    assert ratings.sessions["group"].tolist() == ["MS", "MS", "MS", "HC"]


def test_names_of_files_and_columns_are_taken_apart(tmp_path: Path) -> None:
    cohort = make_cohort(3, regions=(("AF", "LR"), ("CST", "LR")))
    theirs = {"all": "5TE", "3TE": "3TE", "1TE": "1TE"}
    paths = []
    for (echo_set, level), part in cohort.groupby(["echo_set", "n_gray_levels"]):
        named = part.assign(column=part["voi"] + ".original_" + part["feature_class"] + "_" + part["feature"])
        wide = named.pivot(index=["participant", "group"], columns="column", values="value").reset_index()
        wide = wide.rename(columns={"participant": "Subject"}).assign(diagnostics_Versions="3.0.1")
        wide["sex"] = "F"
        paths.append(tmp_path / f"features_{theirs[echo_set]}_GL{level}.csv")
        wide.to_csv(paths[-1], index=False)
    column_map = map_in(
        tmp_path,
        columns={"participant": "Subject", "group": "group"},
        file_pattern=r"(?P<echo_set>\dTE)_GL(?P<n_gray_levels>\d+)",
        pattern=r"^(?P<voi>[A-Z]+)\.original_(?P<feature_class>[a-z]+)_(?P<feature>\w+)$",
        values={"echo_set": {"5TE": "all"}, "group": {"MS": "patient"}},
        constants={"hemisphere": "LR", "preset": "fiscone107", "inversion": "ilsqr"},
    )
    assert import_features(paths, column_map, tmp_path / "t.parquet") == len(cohort)
    assert same(tmp_path / "t.parquet", cohort)
    ratings = read_ratings(open_features(tmp_path / "t.parquet"), AXIS)
    assert set(ratings.sessions["group"]) == {"patient", "HC"}


def test_what_is_no_number_is_missing_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("ID,ROI,original_glcm_Contrast,original_glcm_Id\n01,AF,0.5,#DIV/0!\n02,AF,,0.25\n")
    column_map = map_in(tmp_path, columns={"participant": "ID", "voi": "ROI"})
    import_features([tmp_path / "w.csv"], column_map, tmp_path / "t.parquet")
    found = pd.read_parquet(tmp_path / "t.parquet").set_index(["participant", "feature"])
    assert found["value"].isna().sum() == 2
    assert (found.loc[found["value"].isna(), "reason"] == NOT_A_NUMBER).all()
    assert found.loc[("01", "Contrast"), ["value", "reason", "image_type"]].tolist() == [0.5, "", "original"]


@pytest.mark.parametrize(
    ("column_map", "said"),
    [
        ({"columns": {"participant": "ID"}}, "voi"),  # nothing says where the region comes from
        ({"columns": {"participant": "Nr", "voi": "Place"}}, "Nr"),
        ({"columns": {"participant": "ID", "voi": "Place"}, "pattern": "^wavelet_"}, "no column is a feature"),
        (
            {"columns": {"participant": "ID", "voi": "Place"}, "file_pattern": r"GL(?P<n_gray_levels>\d+)"},
            "file's name",
        ),
    ],
)
def test_a_map_that_does_not_fit_is_refused(column_map: dict, said: str, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("ID,Place,original_glcm_Contrast\n01,AF,0.5\n")
    with pytest.raises(InputError, match=said):
        import_features([tmp_path / "w.csv"], map_in(tmp_path, **column_map), tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()


@pytest.mark.parametrize(
    "column_map",
    [
        {"colums": {}},
        {"columns": {"subject": "ID"}},
        {"pattern": "("},
        {"pattern": "(?P<roi>x)"},
        {"constants": {"a": 1}},
    ],
)
def test_a_map_with_a_mistake_is_refused(column_map: dict, tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        map_in(tmp_path, **column_map)


def test_what_a_map_leaves_out_is_told_by_the_studies_that_read_the_import(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("ID,AF.Contrast,AF.Id,original_glcm_Id\n01,0.5,1,2\n02,1,0.25,3\n")
    column_map = map_in(
        tmp_path,
        columns={"participant": "ID"},
        constants={"feature_class": "glcm"},
        pattern=r"(?P<voi>AF).(?P<feature>\w+)",
    )
    import_features([tmp_path / "w.csv"], column_map, tmp_path / "t.parquet")
    assert open_features(tmp_path / "t.parquet").left_out == [("original_glcm_Id", UNMATCHED)]
