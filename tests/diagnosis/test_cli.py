"""`chiomics diagnosis predict` gives the scores, says what they are for, and stops with the cause on bad input."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest

from chiomics.cli import main
from chiomics.diagnosis.cohort import build_cohort
from chiomics.diagnosis.model_file import describe_model, read_model, write_model
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.predict import SCORES, predict
from tests.diagnosis.cohorts import simulated_cohort, tidy_features
from tests.diagnosis.study import DEFINITION


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    cohort = simulated_cohort(3)
    tidy = tidy_features(cohort[list(cohort.columns[:8]) + list(cohort.columns[8::20])])
    settings = complete_settings({"nuclei": ["DN"]})
    trained = build_cohort(tidy, settings, regions=["DN"])
    about = {"definition": DEFINITION, "source": "tests", "simulated": True}
    write_model(folder / "model.json", describe_model(trained, list_models(settings)["hybrid"], settings, **about))
    for name, part in tidy.groupby("participant"):
        if name in tidy["participant"].unique()[:3]:
            part.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def features(folder) -> list[str]:
    return sorted(str(path) for path in folder.glob("sub-*.parquet"))


def test_scores_of_several_files(folder, capsys):
    out = folder / "scores.tsv"
    assert main(["diagnosis", "predict", str(folder / "model.json"), *features(folder), "--out", str(out)]) == 0
    assert "Research use only" in capsys.readouterr().err
    scores = pd.read_csv(out, sep="\t", keep_default_na=False)
    assert tuple(scores.columns) == SCORES
    expected = predict(read_model(folder / "model.json"), pd.concat(map(pd.read_parquet, features(folder))))
    # Written with all digits.
    assert list(scores["score"]) == list(expected["score"])
    assert scores["notice"].str.contains("Research use only").all()


def test_the_table_goes_to_the_standard_output_and_the_notice_does_not(folder, capsys):
    assert main(["diagnosis", "predict", str(folder / "model.json"), features(folder)[0]]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("participant\t")
    assert said.out.count("\n") == 2
    assert "simulated participants" in said.err


def test_other_definitions_stop_it_and_leave_no_file(folder, tmp_path, capsys):
    other = pd.read_parquet(features(folder)[0]).assign(n_gray_levels=64)
    other.to_parquet(tmp_path / "other.parquet", index=False)
    arguments = ["diagnosis", "predict", str(folder / "model.json"), str(tmp_path / "other.parquet")]
    assert main([*arguments, "--out", str(tmp_path / "scores.tsv")]) == 2
    said = capsys.readouterr().err
    assert "n_gray_levels" in said
    assert "found 64" in said
    assert not (tmp_path / "scores.tsv").exists()


@pytest.mark.parametrize("missing", ["model", "features"])
def test_files_that_are_not_there(folder, capsys, missing):
    model = folder / ("none.json" if missing == "model" else "model.json")
    path = features(folder)[0] if missing == "model" else str(folder / "none.parquet")
    assert main(["diagnosis", "predict", str(model), path]) == 2
    said = capsys.readouterr().err
    assert "none." in said and "Errno" not in said
    assert ("the model cannot be read; found no such file or directory" in said) == (missing == "model")


def test_a_file_that_is_no_model_is_told_by_what_it_lacks(folder, tmp_path, capsys):
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    assert main(["diagnosis", "predict", str(tmp_path / "empty.json"), features(folder)[0]]) == 2
    assert "no model of the diagnosis; found no format; expected the key format" in capsys.readouterr().err


def test_tables_under_other_names_come_by_a_map(folder, tmp_path, capsys):
    tidy = pd.concat(map(pd.read_parquet, features(folder)))
    people = tidy[["participant", "age", "sex", "disease_duration", "edss"]].drop_duplicates()
    people.to_csv(tmp_path / "people.csv", index=False)
    tidy.assign(name=tidy["image_type"] + "_" + tidy["feature_class"] + "_" + tidy["feature"]).pivot(
        index=["participant", "voi", "hemisphere", "preset", "echo_set", "inversion"], columns="name", values="value"
    ).reset_index().rename(columns={"participant": "ID"}).to_csv(tmp_path / "f.csv", index=False)
    levels = tidy["n_gray_levels"].dropna().iloc[0]
    (tmp_path / "map.yaml").write_text(f"columns: {{participant: ID}}\nconstants: {{n_gray_levels: {levels}}}\n")
    given = ["--columns", str(tmp_path / "map.yaml"), "--participants", str(tmp_path / "people.csv")]
    assert main(["diagnosis", "predict", str(folder / "model.json"), str(tmp_path / "f.csv"), *given]) == 0
    found = pd.read_csv(StringIO(capsys.readouterr().out), sep="\t")
    expected = predict(read_model(folder / "model.json"), tidy)
    # Text keeps all digits of a double.
    assert found["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), rel=1e-12)
