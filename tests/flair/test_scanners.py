"""What the scanner does: names, what can be left out, and effects of a known size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.training import CURVE, PREDICTIONS, split_of, train_once, why_not_trained
from chiomics.flair.study.scanner_effects import table_of_scanners
from chiomics.flair.study.scanners import name_scanners, scanners_to_leave_out, why_not_left_out
from chiomics.flair.study.trainings import SCANNER_OUT, Training, list_trainings
from tests.flair.prepared import SEOK, WANG, small_cohort


def test_a_column_scanner_comes_before_maker_and_field() -> None:
    make = {"manufacturer": "Siemens", "field_strength": 3.0}
    other = {"manufacturer": "Siemens", "field_strength": 1.5}
    assert name_scanners([make, other]) == ["Siemens 3 T", "Siemens 1.5 T"]
    assert name_scanners([make | {"scanner": "A"}, other | {"scanner": "B"}]) == ["A", "B"]
    assert name_scanners([make | {"scanner": "A"}, other | {"scanner": "A"}]) == ["Siemens 3 T", "Siemens 1.5 T"]
    assert name_scanners([make, make | {"site": float("nan")}]) == ["", ""]
    assert name_scanners([make | {"site": 1}, make | {"site": 2}, make | {"site": None}]) == ["1", "2", ""]


def test_why_a_scanner_cannot_be_left_out() -> None:
    names, groups = ["A"] * 10 + ["B"] * 10, ["MS", "NMOSD"] * 10
    people = [str(number) for number in range(20)]
    assert why_not_left_out("A", names, groups, people) == ""
    assert "4 patients of MS at other scanners alone" in why_not_left_out("A", names[:-2], groups[:-2], people[:-2])
    assert "cannot be told apart" in why_not_left_out("A", names, ["MS"] * 10 + ["NMOSD"] * 10, people)
    # A patient who was scanned on both trains nowhere.
    twice = [*people[:16], "0", "17", "2", "19"]
    assert "3 patients of MS at other scanners alone" in why_not_left_out("A", names, groups, twice)
    rows = [{"participant": a, "group": b, "site": c} for a, b, c in zip(people, groups, names, strict=True)]
    assert scanners_to_leave_out(rows) == ["A", "B"]


def with_scanners(scanner_of_class: bool, *, mark: bool) -> Prepared:
    """Return a cohort on two scanners, alternating or one per group, of which one leaves a mark in every image."""
    prepared = small_cohort(12)
    number = np.tile(np.arange(12), 2) % 2
    if scanner_of_class:
        number = (prepared.table["group"] == "MS").to_numpy().astype(int)
    images = dict(prepared.images)
    if mark:
        images["seok_flair"] = images["seok_flair"] + number.astype(np.float16)[:, None, None, None]
    return replace(prepared, table=prepared.table.assign(scanner=np.array(["A", "B"])[number]), images=images)


def test_a_scanner_is_left_out_and_its_mark_is_found() -> None:
    prepared = with_scanners(False, mark=True)
    settings = SEOK | {"input": "flair", "scanners": ["A", "B"], "epochs": 1}
    trainings = [one for one in list_trainings("seok2023", settings) if one.scheme == SCANNER_OUT]
    assert [one.fold for one in trainings] == [0, 1]
    parts = []
    for training in trainings:
        assert why_not_trained(prepared, settings, training) == ""
        found, curve, _ = train_once(prepared, settings, training)
        assert list(found.columns) == PREDICTIONS
        assert list(curve.columns) == CURVE
        here = prepared.table["scanner"] == settings["scanners"][training.fold]
        assert set(found["participant"]) == set(prepared.table.loc[here, "participant"])
        y = (prepared.table["group"] == "MS").to_numpy().astype(int)
        split = split_of(prepared, y, settings, training)
        assert not here.to_numpy()[np.union1d(split.train, split.select)].any()
        parts.append(found)
    table = table_of_scanners(prepared, pd.concat(parts), "seok2023", settings).set_index("what")
    assert table.loc["scanner from the image", "auc"] == 1.0  # a shift of twice the noise in every pixel
    assert table.loc["groups differ between scanners (χ²)", "p"] == pytest.approx(1.0)
    # MS has the larger lesions by construction, on either scanner.
    assert table.loc["A left out of the training, lesion volume", "auc"] == 1.0
    assert np.isfinite(table.loc["B left out of the training, network", "auc"])
    plain = table_of_scanners(with_scanners(False, mark=False), pd.concat(parts), "seok2023", settings)
    # 24 sessions at chance: standard error .12
    assert abs(plain.set_index("what").loc["scanner from the image", "auc"] - 0.5) < 0.35


def test_one_scanner_per_group_is_said_to_be_inseparable() -> None:
    prepared = with_scanners(True, mark=False)
    empty = pd.DataFrame(columns=PREDICTIONS)
    table = table_of_scanners(prepared, empty, "seok2023", SEOK | {"scanners": []})
    said = table[table["what"].str.contains("left out")]["note"]
    assert said.str.contains("cannot be told apart").all()
    assert len(said) == 2
    assert table.loc[table["what"].str.startswith("groups differ"), "p"].iloc[0] < 1e-4
    training = Training("seok2023", "seok", "lesions", 1.0, SCANNER_OUT, 0, 0, 0)
    assert "cannot be told apart" in why_not_trained(prepared, SEOK | {"scanners": ["A"]}, training)


def test_without_scanners_it_is_said_and_nothing_is_trained() -> None:
    table = table_of_scanners(small_cohort(6), pd.DataFrame(columns=PREDICTIONS), "wang2020", WANG)
    assert table["note"].tolist() == ["no column scanner or site, maker or field has two values"]
    assert not [one for one in list_trainings("wang2020", WANG) if one.scheme == SCANNER_OUT]
