"""Tables as other programs leave them: the right table with a word, or refused with the true cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError
from chiomics.core.features.table import open_features
from chiomics.core.left_out import LeftOut
from chiomics.diagnosis.cohort import build_cohort
from chiomics.diagnosis.models import complete_settings
from tests.core.features.tables import tidy_table, wide_table

SETTINGS = complete_settings({"nuclei": ["DN"], "demographics": ["age", "sex"], "confounders": [], "folds": 2})
TIDY = tidy_table()
TEXT = TIDY.to_csv(index=False)
PEOPLE = TIDY[["participant", "group", "age", "sex", "site"]].drop_duplicates()
PEOPLE = PEOPLE.rename(columns={"participant": "participant_id"})
BARE = TIDY.drop(columns=["group", "age", "sex", "site"])


def cohort_of(folder: Path, left_out: LeftOut | None = None) -> pd.DataFrame:
    files = [path for path in folder.iterdir() if not path.name.startswith("participants")]
    return build_cohort(open_features(files), SETTINGS, regions=["DN"], left_out=left_out)


def wide(change: object) -> str:
    return wide_table(TIDY).drop(columns="voi").rename(columns=change).to_csv(index=False)


def of_features(change: object) -> object:
    return lambda name: change(name) if name.startswith("original") else name


READ = {
    "UTF-16 without its mark": TEXT.encode("utf-16-le"),
    "the separator's line of Excel": ("sep=;\n" + TIDY.to_csv(index=False, sep=";")).encode(),
    "comments": b"# written by R\n\n" + TEXT.encode(),
    "old line ends": TEXT.replace("\n", "\r").encode(),
    "empty columns and rows": "\n".join(line + ",,," for line in [*TEXT.splitlines(), "," * 14]).encode(),
    "blanks of write.table": TIDY.to_csv(index=False, sep=" ", quoting=2).encode(),
    "bars": TIDY.to_csv(index=False, sep="|").encode(),
    "a header of two lines": TIDY.assign(note="").rename(columns={"note": "of\nnobody"}).to_csv(index=False).encode(),
    "classes in capitals": TIDY.assign(feature_class="GLCM").to_csv(index=False).encode(),
    "names as R and others write them": TIDY.rename(
        columns={"participant": "Subject.ID", "image_type": "ImageType", "feature_class": "Feature class"}
    ).to_csv(index=False).encode(),
    "whole names of features, as pivot_longer leaves them": TIDY.assign(
        feature=TIDY["image_type"] + "_" + TIDY["feature_class"] + "_" + TIDY["feature"]
    ).drop(columns=["image_type", "feature_class"]).to_csv(index=False).encode(),
    "whole names of features beside their class": TIDY.assign(feature="original_glcm_" + TIDY["feature"]).to_csv(
        index=False
    ).encode(),
    "filters in capitals": TIDY.assign(image_type="Original").to_csv(index=False).encode(),
    "signs without a width": TIDY.assign(
        group=TIDY["group"].where(TIDY["participant"] > "sub-03", TIDY["group"] + "\u200b")
    ).to_csv(index=False).encode(),
    "pandas' index": TIDY.rename_axis("Unnamed: 0").to_csv().encode(),
    "the region before the feature": wide(of_features(lambda name: f"DN_{name}")).encode(),
    "the region behind the feature": wide(of_features(lambda name: f"{name}_DN")).encode(),
    "the region behind a point, as R's reshape writes it": wide(of_features(lambda name: f"{name}.DN")).encode(),
}  # fmt: skip


@pytest.mark.parametrize("form", READ)
def test_what_is_certain_is_read(tmp_path, form):
    (tmp_path / "f.csv").write_bytes(READ[form])
    pd.testing.assert_frame_equal(cohort_of(tmp_path), build_cohort(TIDY, SETTINGS, regions=["DN"]))


REFUSED = {
    "a title": ("Radiomics" + "," * 14 + "\n" + TEXT, ("title", "Radiomics")),
    "a longer line": (TEXT.replace("\nsub-00", ",x\nsub-00", 2).replace(",x", "", 1), ("row 2", "16", "15")),
    "a note below": (TEXT + "\nNote: pyradiomics 3.0.1\n", ("row 82", "Note")),
    "a web page": ("<html><table/></html>", ("web page",)),
    "a header alone": (TIDY[:0].to_csv(index=False), ("no row",)),
    "a header without its line end": (TIDY[:0].to_csv(index=False).strip(), ("no row",)),
    "a quote that never ends": ('"' + TEXT * 40, ("cannot be read",)),
    "zero bytes": (TEXT + "\0\0", ("zero bytes",)),
    "a unit": (TEXT.replace("glcm,Id,", "glcm,Id,1 ppm", 1), ("row 4", "value", "ppm")),
    "a column twice, as pandas says it": (
        wide_table(TIDY).assign(**{"original_glcm_Id.1": 1.0}).to_csv(index=False), ("repeated", "original_glcm_Id.1"),
    ),
    "no participant": (TEXT.replace("sub-03", ""), ("5 rows have no participant", "row 17")),
    "FreeSurfer": ("Measure:volume\tLeft-Putamen\nsub-01\t4500\n", ("neither tidy nor wide", "feature_columns")),
    "two regions and a column of them": (
        wide_table(TIDY).rename(columns=lambda n: f"{'GP' if 'Id' in n else 'DN'}_{n}" if "glcm" in n else n).to_csv(
            index=False
        ), ("DN, GP", "no column voi"),
    ),
    "no preset in some rows": (
        TIDY.assign(preset=TIDY["preset"].where(TIDY["participant"] > "sub-04", "")).to_csv(index=False),
        ("25 rows have no preset", "sub-00"),
    ),
    "no session in some rows": (
        TIDY.assign(session=np.where(TIDY["feature"] == "Id", "", "1")).to_csv(index=False), ("session", "sub-00"),
    ),
    "zeros lost in some rows": (
        TEXT.replace("sub-00,", "sub-0,", 3), ("two names", "sub-0 and sub-00"),
    ),
    "a feature per row and a participant per column": (
        wide_table(TIDY).set_index("participant").filter(like="glcm").T.to_csv(), ("transpose", "original_glcm_Con"),
    ),
    "a feature's whole name of another class": (
        TIDY.assign(feature="original_glrlm_" + TIDY["feature"]).to_csv(index=False),
        ("contradict", "original_glrlm_Contrast with feature_class glcm"),
    ),
    "a feature's whole name of no filter": (
        TIDY.assign(feature="fancy_glcm_" + TIDY["feature"]).to_csv(index=False), ("fancy is no filter",),
    ),
    "no class": (TIDY.drop(columns="feature_class").to_csv(index=False), ("feature_class", "row 2")),
    "two names of a session": (
        TIDY.assign(session=np.where(TIDY["feature"] == "Id", "ses-01", "1")).to_csv(index=False),
        ("session of sub-00", "1 and ses-01"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_not_certain_is_refused_with_its_cause(tmp_path, form):
    text, said = REFUSED[form]
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        cohort_of(tmp_path)
    assert all(word in str(caught.value) for word in said), str(caught.value)


@pytest.mark.parametrize("path", ["f.csv", "participants.tsv"])
def test_the_message_names_the_file_that_has_the_variable(tmp_path, path):
    wrong = {"age": "89+"}
    (TIDY if path == "participants.tsv" else TIDY.assign(**wrong)).drop(
        columns=["age"] if path == "participants.tsv" else []
    ).to_csv(tmp_path / "f.csv", index=False)
    if path == "participants.tsv":
        PEOPLE.assign(**wrong).to_csv(tmp_path / path, sep="\t", index=False)
    with pytest.raises(InputError) as caught:
        cohort_of(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / path)) and "sub-00" in str(caught.value)


def test_group_and_variables_stand_in_the_table_of_participants_alone(tmp_path):
    BARE.assign(participant=BARE["participant"].str[4:]).to_csv(tmp_path / "f.csv", index=False)
    PEOPLE.rename(columns={"group": "Group"}).to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    found = cohort_of(tmp_path)
    expected = build_cohort(TIDY, SETTINGS, regions=["DN"])
    pd.testing.assert_frame_equal(found.drop(columns="participant"), expected.drop(columns="participant"))


def test_the_group_may_stand_in_one_of_the_files(tmp_path):
    TIDY[TIDY["feature"] != "Id"].to_csv(tmp_path / "a.csv", index=False)
    BARE[BARE["feature"] == "Id"].to_csv(tmp_path / "b.csv", index=False)
    pd.testing.assert_frame_equal(cohort_of(tmp_path), build_cohort(TIDY, SETTINGS, regions=["DN"]))


def test_spellings_of_one_value_contradict_nothing(tmp_path):
    TIDY.to_csv(tmp_path / "f.csv", index=False)
    spelled = PEOPLE.assign(age=PEOPLE["age"] + ".0", sex=PEOPLE["sex"].map({"M": "male", "F": "Female"}))
    spelled.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    assert len(cohort_of(tmp_path)) == len(PEOPLE)


def test_names_of_participants_that_do_not_fit(tmp_path):
    PEOPLE.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    BARE.assign(participant=BARE["participant"].str[4:].astype(int)).to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(InputError, match=r"0 beside 00.*leading zeros"):
        cohort_of(tmp_path)
    BARE.assign(participant="X" + BARE["participant"]).to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(InputError, match="nobody"):
        cohort_of(tmp_path)


def test_who_stands_in_one_table_alone_is_left_out_by_name(tmp_path):
    BARE[BARE["participant"] != "sub-00"].to_csv(tmp_path / "f.csv", index=False)
    PEOPLE[:15].to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    left_out = LeftOut()
    assert len(cohort_of(tmp_path, left_out)) == 14
    found = left_out.table().set_index("name")["reason"]
    assert set(found.index) == {"00", "sub-15"}
    assert "no row of features" in found["00"] and "no line in the table of participants" in found["sub-15"]


def test_a_table_of_another_kind_is_read_by_a_map(tmp_path):
    volumes = pd.DataFrame(
        {"Measure:volume": PEOPLE["participant_id"], "Left-Putamen": range(16), "Right-Putamen": 5.0}
    )
    volumes.to_csv(tmp_path / "aseg.txt", sep="\t", index=False)
    given = {"columns": {"participant": "Measure:volume"}, "pattern": "(?P<voi>(Left|Right)-.+)",
             "constants": {"feature_class": "shape", "feature": "Volume"}}  # fmt: skip
    found = open_features(tmp_path / "aseg.txt", column_map=given)
    rows = found.read(["participant", "voi", "hemisphere"]).to_pandas()
    assert set(zip(rows["voi"], rows["hemisphere"], strict=True)) == {("Putamen", "L"), ("Putamen", "R")}
    assert rows.loc[rows["hemisphere"] == "L", "value"].tolist() == list(range(16))


def test_whole_numbers_and_letters_have_one_spelling():
    numbers = TIDY["participant"].str[4:].astype(int)
    halves = numbers.astype(str) + np.where(TIDY.index % 2, ".0", "")
    assert open_features(TIDY.assign(participant=halves)).distinct("participant") == sorted(map(str, range(16)))
    umlauts = np.where(TIDY.index % 2, "\u00c4", "A\u0308") + TIDY["participant"].to_numpy()
    assert len(open_features(TIDY.assign(participant=umlauts)).distinct("participant")) == 16


@pytest.mark.parametrize("name", ["session", "Visit", "visit_id", "timepoint", "Time point"])
def test_visits_are_sessions_whatever_their_column_is_called(name):
    second = TIDY[TIDY["participant"] == "sub-00"].assign(value=lambda rows: rows["value"] + 1)
    table = pd.concat([TIDY.assign(**{name: "1"}), second.assign(**{name: "2"})])
    cohort = build_cohort(table, SETTINGS, regions=["DN"])
    assert list(zip(cohort["participant"], cohort["session"], strict=True))[:3] == [
        ("sub-00", "1"), ("sub-00", "2"), ("sub-01", "1"),
    ]  # fmt: skip
    assert len(cohort) == 17


def test_other_tables_of_participants_are_named(tmp_path, caplog):
    TIDY.to_csv(tmp_path / "f.csv", index=False)
    (tmp_path / "participants.xlsx").write_bytes(b"PK")
    cohort_of(tmp_path)
    assert "participants.xlsx is not read; neither is any other" in caplog.text
    PEOPLE.to_csv(tmp_path / "Participants.tsv", sep="\t", index=False)
    BARE.to_csv(tmp_path / "f.csv", index=False)
    assert len(build_cohort(open_features(tmp_path / "f.csv"), SETTINGS, regions=["DN"])) == 16
    assert "participants.xlsx is not read; Participants.tsv is" in caplog.text


def test_features_that_many_lack_are_named(caplog):
    build_cohort(TIDY[(TIDY["feature"] != "Id") | (TIDY["site"] == "A")], SETTINGS, regions=["DN"])
    assert "DN: 1 features lack in 20 % of the sessions or more" in caplog.text and "DN.original_glcm_Id" in caplog.text


def test_text_stored_as_bytes_and_folders(tmp_path):
    table = TIDY.assign(participant=TIDY["participant"].str.encode("utf-8"))
    table.to_parquet(tmp_path / "f.parquet")
    assert open_features(tmp_path / "f.parquet").distinct("participant")[0] == "sub-00"
    TIDY.assign(voi=b"\xff\xfe").to_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match="no text"):
        open_features(tmp_path / "f.parquet").distinct("voi")
    with pytest.raises(InputError, match=r"folder.*parquet"):
        open_features(tmp_path)


def test_lists_and_an_index_of_pandas(tmp_path):
    indexed = open_features(TIDY.set_index(["participant", "voi"]))
    assert indexed.distinct("participant") == open_features(TIDY).distinct("participant")
    TIDY.assign(value=[[one] for one in TIDY["value"]]).to_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match="lists"):
        open_features(tmp_path / "f.parquet").read(["voi"])


def test_codes_that_other_programs_write_for_missing_are_said(caplog):
    open_features(TIDY.assign(value=TIDY["value"].where(TIDY.index > 2, -999))).read(["voi"])
    assert "3 values are -999" in caplog.text
