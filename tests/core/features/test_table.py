"""A table in any form that people have is the same table, and one that is off is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError
from chiomics.core.features.columns import page
from chiomics.core.features.people import LAST_OF_INDEX
from chiomics.core.features.table import open_features
from chiomics.index.manifest import COLUMNS, empty_row, exclude, write_manifest
from tests.core.features.tables import tidy_table, wide_table

ROOT = Path(__file__).resolve().parents[3]
KEYS = ["participant", "voi", "hemisphere", "image_type", "feature_class", "feature"]


def rows_of(source: object, **options: object) -> pd.DataFrame:
    features = open_features(source, **options)
    table = (
        features.read([*KEYS, "group", "age", "n_gray_levels"])
        .to_pandas()
        .astype(dict.fromkeys([*KEYS, "group", "age"], str))
    )
    return table.sort_values(KEYS, ignore_index=True)


FORMS = {
    "parquet": lambda t, p: t.to_parquet(p / "f.parquet"),
    "tsv": lambda t, p: t.to_csv(p / "f.tsv", sep="\t", index=False),
    "csv of Excel in German": lambda t, p: t.to_csv(p / "f.csv", sep=";", decimal=",", index=False),
    "write.csv of R": lambda t, p: t.to_csv(p / "f.csv", quoting=2),
    "write.table of R": lambda t, p: (p / "f.txt").write_text(
        t.to_csv(sep="\t", index=True).replace("\t", "", 1), encoding="utf-8"
    ),
    "byte order mark": lambda t, p: t.to_csv(p / "f.csv", index=False, encoding="utf-8-sig"),
    "UTF-16": lambda t, p: t.to_csv(p / "f.tsv", sep="\t", index=False, encoding="utf-16"),
    "tabs in a csv": lambda t, p: t.to_csv(p / "f.csv", sep="\t", index=False),
    "categories": lambda t, p: t.astype({"participant": "category", "voi": "category"}).to_parquet(p / "f.parquet"),
    "columns in capitals": lambda t, p: t.rename(columns=str.upper).to_csv(p / "f.csv", index=False),
    "names of BIDS": lambda t, p: t.rename(columns={"participant": "participant_id"}).to_csv(p / "f.csv", index=False),
    "wide csv": lambda t, p: wide_table(t).to_csv(p / "f.csv", index=False),
    "wide csv of R": lambda t, p: wide_table(t).rename(columns=lambda c: c.replace("-", ".")).to_csv(p / "f.csv"),
    "wide parquet": lambda t, p: wide_table(t).to_parquet(p / "f.parquet"),
    "wide, decimal commas": lambda t, p: wide_table(t).to_csv(p / "f.csv", sep=";", decimal=",", index=False),
    "GL64": lambda t, p: t.assign(n_gray_levels="GL64").to_csv(p / "f.csv", index=False),
    "several files": lambda t, p: [part.to_csv(p / f"{n}.csv", index=False) for n, part in t.groupby("participant")],
    "files of two kinds": lambda t, p: (t[:40].to_csv(p / "a.csv", index=False), t[40:].to_parquet(p / "b.parquet")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_table(tmp_path, form):
    tidy = tidy_table()
    FORMS[form](tidy, tmp_path)
    found, expected = rows_of(sorted(tmp_path.iterdir())), rows_of(tidy)
    assert found[[*KEYS, "group", "age"]].equals(expected[[*KEYS, "group", "age"]])
    # A spreadsheet's digits: pandas writes all of them, so only the parsing of text can round.
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-15)


def test_kinds_of_columns_are_what_they_mean():
    tidy = tidy_table().assign(group=lambda t: t["group"].eq("MS").astype(int) + 1)
    tidy["participant"] = pd.to_numeric(tidy["participant"].str[4:]).astype("Int64")
    assert open_features(tidy).distinct("group") == ["1", "2"]
    assert open_features(tidy.astype({"group": float})).distinct("group") == ["1", "2"]
    assert set(rows_of(tidy)["participant"]) == {str(number) for number in range(16)}
    assert rows_of(tidy.assign(value=tidy["value"].astype(complex)))["value"].notna().all()


def test_demographic_variables_come_from_a_table_beside_it(tmp_path):
    tidy = tidy_table()
    tidy.drop(columns=["age", "group"]).to_csv(tmp_path / "f.csv", index=False)
    people = tidy[["participant", "age", "group"]].drop_duplicates().rename(columns={"participant": "participant_id"})
    people.to_csv(tmp_path / "participants.csv", index=False)
    assert rows_of(tmp_path / "f.csv").equals(rows_of(tidy))
    people.assign(age="77").to_csv(tmp_path / "participants.csv", index=False)
    tidy.to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(InputError, match="contradict"):
        rows_of(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="voi"), ("voi",)),
        (lambda t: t.assign(hemisphere="links"), ("hemisphere", "links", "lh")),
        (lambda t: t.assign(image_type="LoG"), ("image_type", "LoG")),
        (lambda t: t.assign(feature_class="texture"), ("feature_class", "texture", "glszm")),
        (lambda t: t.assign(value=t["value"].astype(str).where(t.index != 7, "x7")), ("row 9", "value", "x7")),
        (lambda t: t.assign(n_gray_levels=-3), ("n_gray_levels", "-3")),
        (lambda t: t.assign(voi="Left-DN", hemisphere="R"), ("Left-DN", "contradict")),
        (lambda t: t.rename(columns={"age": "value2", "sex": "value2"}), ("repeated", "value2")),
        (lambda t: t.iloc[:0].iloc[:, :0], ("empty",)),
    ],
)
def test_a_table_that_is_off_is_refused_by_name(tmp_path, change, said):
    change(tidy_table()).to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(InputError) as caught:
        rows_of(tmp_path / "f.csv")
    assert "f.csv" in str(caught.value)
    assert all(word in str(caught.value) for word in said), str(caught.value)


def test_a_workbook_is_named(tmp_path):
    (tmp_path / "f.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="xlsx"):
        open_features(tmp_path / "f.xlsx")
    (tmp_path / "f.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="workbook"):
        open_features(tmp_path / "f.csv")


def test_voxel_size_and_bins_come_from_what_pyradiomics_says(tmp_path):
    wide = wide_table(tidy_table()).assign(
        **{
            "diagnostics_Image-original_Spacing": "(0.9, 0.9, 1.5)",
            "diagnostics_Image-interpolated_Spacing": "(1.0, 1.0, 1.0)",
            "diagnostics_Configuration_Settings": "{'binWidth': 25, 'label': 1}",
        }
    )
    wide.to_csv(tmp_path / "f.csv", index=False)
    table = open_features(tmp_path / "f.csv").read(["voxel_size", "bin_width", "n_gray_levels"]).to_pandas()
    assert set(table["voxel_size"]) == {"1 1 1"}
    assert set(table["bin_width"]) == {25.0} and table["n_gray_levels"].isna().all()


def test_columns_of_unknown_filters_are_left_out_and_named():
    wide = wide_table(tidy_table()).rename(columns={"original_glcm_Id": "fancy_glcm_Id"})
    features = open_features(wide)
    assert [name for name, _ in features.left_out] == ["fancy_glcm_Id"]
    assert "Id" not in features.distinct("feature")


def test_the_page_in_docs_is_made_from_the_declaration():
    assert page() in (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")


def results_folder(folder, excluded=()):
    """Write tables of three sessions as the workflow does, and their manifest."""
    rows = []
    for number, (table_of, _) in enumerate(TIDY_SESSIONS.items()):
        place = folder / "results" / table_of / "radiomics"
        place.mkdir(parents=True)
        tidy = tidy_table(1, seed=number).drop(columns=["group", "age"]).assign(participant=table_of)
        tidy.to_parquet(place / f"{table_of}_rec-tv_desc-yan874_features.parquet")
        row = empty_row(table_of, "", "") | {"group": TIDY_SESSIONS[table_of], "age": "40"}
        rows.append(exclude(row, "motion") if table_of in excluded else row)
    write_manifest(rows, folder / "results/manifest.tsv")
    return sorted((folder / "results").glob("sub-*/radiomics/*.parquet"))


TIDY_SESSIONS = {"sub-01": "MS", "sub-02": "NMOSD", "sub-03": "MS"}


def test_tables_of_the_workflow_are_joined_with_the_participants_of_their_manifest(tmp_path):
    features = open_features(results_folder(tmp_path))
    found = features.read(["participant", "group", "age"], value=False).to_pandas().drop_duplicates()
    assert dict(zip(found["participant"], found["group"], strict=True)) == TIDY_SESSIONS
    assert set(found["age"]) == {"40"}
    ours = features.read(["participant"], keep={"group": ["MS"]}).to_pandas()
    assert set(ours["participant"]) == {"sub-01", "sub-03"}, "rows are chosen by what joins as well"
    assert {"group", "age"} <= set(features.others)


def test_tables_of_sessions_that_the_cohort_leaves_out_are_not_read(tmp_path, caplog):
    features = open_features(results_folder(tmp_path, excluded=("sub-02",)))
    assert features.distinct("participant") == ["sub-01", "sub-03"]
    assert "sub-02_rec-tv_desc-yan874_features.parquet" in caplog.text
    assert COLUMNS[-1] == LAST_OF_INDEX
