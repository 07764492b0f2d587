"""The cohort's table and picture of anatomy: what sessions' files hold, and who stands out."""

from __future__ import annotations

import weakref

import numpy as np
import pandas as pd
import pytest

from chiomics.anatomy.cohort import figure as cohort_figure
from chiomics.anatomy.cohort.figure import draw_cohort, tabulate_anatomy
from chiomics.core.figures import save_figure
from chiomics.core.origin import SIMULATED_MARK
from chiomics.core.scores.outliers import FEWEST
from tests.core.figure_boxes import overlaps, text_boxes

NUMBER, ODD = 9, 4


@pytest.fixture(scope="module")
def files():
    """Nine sessions that differ a little, of which one has a putamen of twice the size, and lesions."""
    volumes, consistency, sidecars = {}, {}, {}
    for number in range(NUMBER):
        session = f"sub-{number}"
        scale = 1 + 0.01 * number
        rows = [
            ("PUT", "L", 4000 * scale * (1 + (number == ODD))),
            ("PUT", "R", 4100 * scale),
            ("NAWM", np.nan, 4e5 * scale),
        ]
        rows += [("lesion1", "n/a", 30.0), ("lesion2", "n/a", 12.0)] if number == ODD else []
        table = pd.DataFrame(rows, columns=["voi", "hemisphere", "volume_mm3"])
        table["kept"] = table["volume_mm3"] > 20
        table["n_voxels"] = table["volume_mm3"] / 6
        volumes[session] = table.assign(brain_mm3=1.4e6 * scale, parenchyma_mm3=1.1e6 * scale)
        consistency[session] = pd.DataFrame(
            {"voi": ["PUT"], "hemisphere": ["L"], "dice_with_atlas": [0.9 - 0.01 * number], "distance_mm": [scale]}
        )
        quality = {"overlap": 0.9 * scale, "mutual_information": 0.5 * scale, "sharpness": 0.1 * scale, "trusted": True}
        sidecars[session] = {"Segmentation": {"Registrations": {"T1w to template": quality}}}
    return volumes, consistency, sidecars


def by_session(volumes, consistency, sidecars):
    """Hand over a session after the other."""
    return ((name, volumes[name], consistency[name], sidecars[name]) for name in volumes)


@pytest.fixture(scope="module")
def frame(files):
    return tabulate_anatomy(by_session(*files))


def test_the_files_of_one_session_alone_are_held_at_a_time(files):
    """When a session is asked for, the tables of the one before the last are gone: only their row is kept."""
    alive = []

    def read():
        for name in files[0]:
            assert len([one for one in alive if one() is not None]) <= 2, "the one at hand, and the one before"
            tables = [table[name].copy() for table in files[:2]]
            alive.extend(map(weakref.ref, tables))
            yield name, *tables, files[2][name]
            del tables

    assert len(tabulate_anatomy(read())) == NUMBER == len(alive) / 2


def test_a_row_per_session_holds_what_its_files_hold(frame, files):
    assert list(frame["session"]) == list(files[0])
    row = frame.iloc[ODD]
    assert (row["PUT_L_mm3"], row["PUT_R_mm3"]) == pytest.approx((8000 * 1.04, 4100 * 1.04))
    assert row["NAWM_mm3"] == pytest.approx(4e5 * 1.04)
    assert row["voxel_mm3"] == pytest.approx(6)
    assert (row["brain_mm3"], row["parenchyma_mm3"]) == pytest.approx((1.4e6 * 1.04, 1.1e6 * 1.04))
    assert (row["PUT_L_dice"], row["PUT_L_shift_mm"]) == pytest.approx((0.86, 1.04))
    assert row["overlap_T1w_to_template"] == pytest.approx(0.9 * 1.04)


def test_lesions_are_counted_and_summed_and_are_no_outliers(frame):
    assert list(frame["lesions"]) == [2 if number == ODD else 0 for number in range(NUMBER)]
    assert frame.loc[ODD, ["lesions_kept", "lesions_dropped"]].tolist() == [1, 1]
    assert frame["lesions_mm3"].iloc[ODD] == 42 and frame["lesions_mm3"].drop(ODD).eq(0).all()
    assert not [name for name in frame if name.startswith("lesion1")]


def test_the_session_that_stands_out_is_named_with_what_does(frame):
    assert list(frame["outliers"]) == ["PUT_L_mm3" if number == ODD else "" for number in range(NUMBER)]


def test_a_region_that_a_session_lacks_is_missing_and_no_zero(files):
    volumes = dict(files[0])
    volumes["sub-0"] = volumes["sub-0"].query("voi != 'NAWM'")
    frame = tabulate_anatomy(by_session(volumes, *files[1:]))
    assert frame["NAWM_mm3"].isna().tolist() == [True] + [False] * (NUMBER - 1)
    assert not frame["outliers"].iloc[0]


@pytest.mark.parametrize("simulated", [True, False])
def test_the_picture_shows_all_sessions_and_columns_and_dots_the_outliers(frame, tmp_path, monkeypatch, simulated):
    drawn = []

    def keep(figure, *paths, **options):
        drawn.append(figure)
        save_figure(figure, *paths, **options)

    monkeypatch.setattr(cohort_figure, "save_figure", keep)
    for name in ("a.png", "b.png", "c.svg"):
        draw_cohort(frame, tmp_path / name, simulated=simulated, left_out=["sub-99: no T1w"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    axis = drawn[0].axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == list(frame["session"])
    columns = [label.get_text() for label in axis.get_yticklabels()]
    assert (
        len(columns) == len(set(columns)) == frame.shape[1] - 11
    )  # session, outliers, warnings, accepted, six of lesions
    (dots,) = axis.lines
    assert list(zip(*dots.get_data(), strict=True)) == [(ODD, columns.index("PUT L mm3"))]
    text = (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert "sub-99: no T1w" in text
    assert (SIMULATED_MARK in text) == simulated


def test_a_row_that_is_blank_says_why(frame, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(cohort_figure, "save_figure", lambda figure, *_, **__: drawn.append(figure))
    draw_cohort(frame.assign(WMHYPO_mm3=np.nan, PUT_L_mm3=0.0), tmp_path / "a.png", simulated=False)
    axis = drawn[0].axes[0]
    blank = (np.asarray(axis.images[0].get_array())[..., 3] == 0).all(axis=1)  # colours, of which these have none
    told = [": " in label.get_text() for label in axis.get_yticklabels()]
    assert told == blank.tolist()
    words = [label.get_text() for label in axis.get_yticklabels()]
    assert {"WMHYPO mm3: no session has a value", "PUT L mm3: the same in all"} <= set(words)


def test_lesions_that_are_not_known_are_no_zero(files):
    sidecars = {name: {"Segmentation": dict(entry["Segmentation"])} for name, entry in files[2].items()}
    sidecars["sub-0"]["Segmentation"]["Lesions"] = {"Source": "none", "Reason": "the given lesions are refused"}
    sidecars["sub-0"] |= {"Warnings": ["a", "b"], "Coverage": {"FLAIR": {"white matter": 0.5}, "DWI": {"brain": 0.3}}}
    sidecars["sub-0"]["Segmentation"]["Accepted"] = [{"Step": "T1w to GRE", "Reason": "overlap 0.5 below 0.9"}]
    volumes = files[0] | {"sub-0": files[0]["sub-0"].replace({"volume_mm3": {4e5: 0.0}})}
    frame = tabulate_anatomy(by_session(volumes, files[1], sidecars)).set_index("session")
    assert np.isnan(frame.loc["sub-0", "NAWM_mm3"]) and frame.loc["sub-1", "NAWM_mm3"] > 0
    assert list(frame.loc[["sub-0", "sub-1"], "accepted"]) == ["T1w to GRE", ""]
    assert frame.loc["sub-0", ["lesions", "lesions_mm3"]].isna().all()
    assert frame.loc["sub-1", "lesions"] == 0
    assert (frame.loc["sub-0", "warnings"], frame.loc["sub-0", "seen_FLAIR_white_matter"]) == ("a | b", 0.5)
    assert frame.loc["sub-0", "seen_DWI_brain"] == 0.3


@pytest.mark.parametrize("number", [1, 4, NUMBER])
def test_texts_of_a_small_cohorts_picture_lie_beside_each_other(frame, tmp_path, monkeypatch, number):
    drawn = []

    def keep(figure, *paths, **options):
        drawn.append(figure)
        save_figure(figure, *paths, **options)

    monkeypatch.setattr(cohort_figure, "save_figure", keep)
    draw_cohort(frame.iloc[:number], tmp_path / "a.png", simulated=True, left_out=["sub-99: no T1w"])
    assert not overlaps(drawn[0])
    assert ("too few sessions to compare" in dict(text_boxes(drawn[0]))) == (number < FEWEST)
