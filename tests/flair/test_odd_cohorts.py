"""Papers of cohorts that know little of their patients: every table, figure and README comes, and says what lacks."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.figures import save_figures
from chiomics.core.papers import read_captions, read_departures
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.cohort import choose_sessions
from chiomics.flair.study.combine import fair_performance, summarise_study
from chiomics.flair.study.demographics import describe_cohort, is_female
from chiomics.flair.study.networks.attention import summarise_attention
from chiomics.flair.study.networks.training import CURVE, labels_of, split_of
from chiomics.flair.study.readme import write_readme
from chiomics.flair.study.trainings import left_out_of_wang, list_trainings
from tests.core.figure_boxes import PAGE, crowded_ticks, overlaps, width
from tests.flair.prepared import SEOK, WANG, small_cohort

GROUPS = {"groups": ["ms", "NMO"], "positive": "NMO"}
FEW = {
    "repeats": 1, "supplement_repeats": 0, "inputs": ["lesions"], "decays": [0.9], "bootstraps": 20,
    "permutations": 0, "baseline_permutations": 1, "tests": 2, "supplement_tests": 0,
}  # fmt: skip


def unknown_patients(n: int) -> Prepared:
    """Groups by other names, nothing known of age, sex and EDSS, every third patient without a lesion."""
    found = small_cohort(n)
    table = found.table.drop(columns="edss").assign(
        group=found.table["group"].map({"MS": "ms", "NMOSD": "NMO"}), age=None, sex="n/a", simulated=False
    )
    bare = np.arange(len(table)) % 3 == 0
    table.loc[bare, ["lesion_count", "lesion_volume_mm3", "lesion_share_percent"]] = 0.0
    table.loc[bare, ["periventricular_share", "ventricle_distance_mm"]] = np.nan
    images = {name: voxels.copy() for name, voxels in found.images.items()}
    for name in ("wang_lesions", "seok_lesions"):
        images[name][bare] = 0
    return replace(found, table=table, images=images)


def guess(prepared: Prepared, study: str, settings: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stand for trainings by chance."""
    rng, parts, curves = np.random.default_rng(0), [], []
    for training in list_trainings(study, settings):
        y = labels_of(prepared, settings, training)
        test = split_of(prepared, y, settings, training).test
        who = prepared.table.loc[test, ["participant", "session"]]
        parts += [who.assign(y=y[test], p=rng.random(len(test)), epoch=epoch, **training.record())
                  for epoch in ("best", "last")]  # fmt: skip
        curve = pd.DataFrame(
            {"epoch": [1, 2], "loss": 0.5, "seconds": 1.0, "train_accuracy": 0.6, "select_accuracy": 0.5}
        )
        curves.append(curve.assign(**training.record())[CURVE])
    return pd.concat(parts, ignore_index=True), pd.concat(curves, ignore_index=True)


@pytest.mark.parametrize(("study", "settings"), [("wang2020", WANG), ("seok2023", SEOK)])
def test_all_files_of_a_cohort_that_knows_nothing_of_its_patients(study, settings, tmp_path: Path) -> None:
    settings = settings | GROUPS | {key: value for key, value in FEW.items() if key in settings} | {"scanners": []}
    path = tmp_path / "cohort.npz"
    unknown_patients(12).write(path)
    prepared = choose_sessions(Prepared.read([path]), study, settings)
    assert len(prepared.table) == (16 if study == "wang2020" else 24)
    predictions, curves = guess(prepared, study, settings)
    _, tables = summarise_study(prepared, predictions, study, settings, matched=None)
    for name, table in tables.items():  # as the next job reads them
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
        tables[name] = pd.read_csv(tmp_path / f"{name}.tsv", sep="\t")
    scores = pd.DataFrame(columns=["input", "weights", "layer", "class", "ratio", "participant", "p"])
    attention, wing = summarise_attention(scores), import_module(f"chiomics.flair.{study}.tables")
    found = wing.paper_tables(prepared, tables, curves if study == "wang2020" else attention, settings)
    first = found["table1"]
    assert (
        not first[first["variable"].str.startswith(("age", "EDSS", "female"))][GROUPS["groups"]].notna().any(axis=None)
    )
    assert "no column scanner or site" in " ".join(found["confounders"]["note"].fillna(""))
    said = write_readme(
        study, tables, fair_performance(tables["performance"], study, settings),
        read_departures(f"chiomics.flair.{study}", settings | {"test": 2}), settings, attention=attention,
        not_run=left_out_of_wang(settings) if study == "wang2020" else {}, sizes={"ms": 12, "NMO": 12},
        source="a cohort", simulated=False,
    )  # fmt: skip
    assert "nan" not in said.lower().replace("nmo", "").split()
    figures = import_module(f"chiomics.flair.{study}.figures").paper_figures(
        prepared, tables, curves, scores, {"rows": np.array([], int)}, settings
    )
    assert {*found, *figures, "departures"} == set(read_captions(f"chiomics.flair.{study}")), "what each file shows"
    for name, figure in figures.items():
        assert not overlaps(figure) and not crowded_ticks(figure) and width(figure) <= PAGE, name
    scores_of = figures["figureS1"].axes[0]
    assert scores_of.get_xlim()[0] <= scores_of.dataLim.x0, "no bar is cut"
    save_figures(figures, tmp_path, simulated=False)
    assert all((tmp_path / f"{name}.png").stat().st_size > 3000 for name in figures)


def test_sex_that_is_not_known_counts_as_neither() -> None:
    words = pd.Series(["F", "female", "M", "male", "n/a", np.nan, "1"])
    assert is_female(words).tolist()[:4] == [1, 1, 0, 0]
    assert is_female(words)[4:].isna().all()
    table = pd.DataFrame(
        {"participant": list("abcdef"), "group": ["MS", "NMOSD"] * 3, "sex": list("FFMM") + ["n/a"] * 2}
    )
    found = describe_cohort(table, ["MS", "NMOSD"]).set_index("variable")
    assert found.loc["female", "MS"] == 1
    assert found.loc["female", "chi_square"] == 1  # one woman and one man in either group
