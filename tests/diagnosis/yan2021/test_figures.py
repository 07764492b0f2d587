"""Figures show the tables' numbers, whatever the orientation of the images, and say what they show."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError
from chiomics.core.figures import save_figure
from chiomics.core.images import write_image
from chiomics.core.origin import SIMULATED_MARK
from chiomics.diagnosis.figure_style import rows_of
from chiomics.diagnosis.models import complete_settings
from chiomics.diagnosis.yan2021.enrolment import count_flow, flow_table, read_sessions
from chiomics.diagnosis.yan2021.figure1 import draw_enrolment
from chiomics.diagnosis.yan2021.figure2 import draw_outlines, draw_session, find_nuclei
from chiomics.diagnosis.yan2021.figure4_5 import draw_figure4, draw_figure5
from chiomics.diagnosis.yan2021.figure_s1 import draw_null
from chiomics.diagnosis.yan2021.figure_s2_s3 import draw_counts, draw_stability
from chiomics.diagnosis.yan2021.figure_s4_s5 import draw_calibration, draw_decision
from chiomics.diagnosis.yan2021.tables import main_models
from tests.diagnosis.study import NUCLEI, small_study


@pytest.fixture(scope="module")
def study():
    return small_study()


def texts(figure) -> str:
    """All that is written in a figure."""
    figure.canvas.draw()
    legends = [legend for axis in figure.axes if (legend := axis.get_legend())] + figure.legends
    said = [text.get_text() for axis in figure.axes for text in axis.texts]
    said += [axis.get_title(loc=place) for axis in figure.axes for place in ("left", "center")]
    said += [text.get_text() for axis in figure.axes for text in axis.get_yticklabels()]
    said += [text.get_text() for legend in legends for text in legend.get_texts()]
    return "\n".join([*said, *(text.get_text() for text in figure.texts)])


def test_roc_curves_are_those_of_the_table(study):
    roc, performance = study.tables["roc"], study.tables["performance"]
    figure = draw_figure4(roc, performance, NUCLEI)
    upper = figure.axes[:2]
    for axis, scheme in zip(upper, ("as_published", "nested"), strict=True):
        for line, model in zip(axis.lines, NUCLEI, strict=False):
            curve = rows_of(roc, model=model, scheme=scheme)
            np.testing.assert_array_equal(line.get_xydata()[1:], curve[["fpr", "tpr"]])
            assert tuple(line.get_xydata()[0]) == (0, 0)
    said = texts(figure)
    for row in performance.query("model in @NUCLEI").itertuples():
        assert f"{row.model} {row.auc:.2f} ({row.auc_delong_low:.2f}–{row.auc_delong_high:.2f})" in said
    assert "paper 0.90" in said
    assert "DeLong" in said


def test_the_hybrid_figure_has_three_models_in_three_colours(study):
    models = ["demographics", "DN", "hybrid"]
    figure = draw_figure5(study.tables["roc"], study.tables["performance"], models)
    for axis in figure.axes:
        assert len({line.get_color() for line in axis.lines[:3]}) == 3
    assert "paper 0.93" in texts(figure)


def test_the_null_figure_shows_both_schemes(study):
    models = list(main_models(study.settings))
    figure = draw_null(study.tables["permutation"], study.tables["performance"], models)
    for axis, model in zip(figure.axes, models, strict=False):
        observed = rows_of(study.tables["performance"], model=model)["auc"]
        shown = [line.get_xdata()[0] for line in axis.lines]
        assert set(observed) <= set(shown)
        # Both histograms are in percent of their own permutations.
        assert sum(patch.get_height() for patch in axis.patches) == pytest.approx(200)
    assert "Left out" in texts(draw_null(study.tables["permutation"].head(0), study.tables["performance"], models))


@pytest.mark.parametrize("name", ["counts", "stability", "calibration", "decision"])
def test_supplementary_figures(study, name):
    tables, models = study.tables, list(main_models(study.settings))
    figure = {
        "counts": lambda: draw_counts(tables["selection_counts"], NUCLEI, p_threshold=0.05),
        "stability": lambda: draw_stability(tables["selection_stability"], tables["selected"], NUCLEI),
        "calibration": lambda: draw_calibration(tables["calibration"], tables["performance"], models),
        "decision": lambda: draw_decision(tables["decision_curve"], tables["performance"], models),
    }[name]()
    said = texts(figure)
    for model in NUCLEI if name != "counts" else []:
        assert model in said
    if name == "stability":
        best = tables["selection_stability"].query("model == 'DN' and scheme == 'nested' and step == 'aic'").iloc[0]
        assert best["feature"].split("_")[-1] in said
    if name == "calibration":
        slopes = tables["performance"].query("model == 'demographics'")["calibration_slope"]
        shown = ["not estimable" if np.isnan(slope) else f"{slope:.2f}".replace("-", "−") for slope in slopes]
        assert all(f"slope {slope}" in said for slope in shown)


def test_published_counts_are_drawn_as_the_text_has_them(study):
    figure = draw_counts(study.tables["selection_counts"], NUCLEI, p_threshold=0.05)
    crosses = [line for axis in figure.axes[:3] for line in axis.lines if line.get_marker() == "x"]
    assert [list(line.get_ydata()) for line in crosses] == [[59, 78], [21, 33], [4, 5]]


# Enrolment


def manifest() -> pd.DataFrame:
    rows = [
        ("sub-1", "ses-1", "included", "", "MS"), ("sub-1", "ses-2", "excluded", "shape differs; found 3", "MS"),
        ("sub-2", "", "included", "", "MS"), ("sub-3", "", "included", "", "NMOSD"),
        ("sub-4", "", "included", "", "HC"),
        ("sub-5", "", "excluded", "shape differs; found 4", "HC"), ("sub-6", "", "included", "", "n/a"),
        ("sub-7", "", "excluded", "operator's verdict: motion", "MS"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["participant_id", "session_id", "status", "reason", "group"])
    return table.assign(run="")


def analysed() -> pd.DataFrame:
    rows = [("sub-1", "ses-1", "", "MS"), ("sub-3", "", "", "NMOSD")]
    return pd.DataFrame(rows, columns=["participant", "session", "run", "group"])


def test_the_flow_loses_no_session():
    steps = count_flow(manifest(), analysed(), complete_settings({}))
    for before, after in itertools.pairwise(steps):
        assert before.sessions - sum(count for _, count in before.removed) == after.sessions
    assert [(step.participants, step.sessions) for step in steps] == [(7, 8), (5, 5), (3, 3), (2, 2)]
    assert steps[0].removed == (("shape differs", 2), ("operator's verdict: motion", 1))
    assert steps[1].removed == (("group HC", 1), ("group not given", 1))
    assert steps[-1].groups == (("MS", 1, 1), ("NMOSD", 1, 1))


def test_a_cohort_without_exclusions_has_a_flow_too():
    whole = manifest().query("status == 'included'").reset_index(drop=True)
    steps = count_flow(whole, analysed(), complete_settings({}))
    assert steps[0].removed == ()
    assert steps[-1].sessions == 2


def test_the_flow_chart_writes_every_number():
    steps = count_flow(manifest(), analysed(), complete_settings({}))
    said = texts(draw_enrolment(steps))
    table = flow_table(steps)
    for row in table.query("kind == 'left out'").itertuples():
        assert f"{row.sessions} × {row.label}" in said
    for row in table.query("kind == 'step'").itertuples():
        assert f"{row.label}\n{row.participants} participants, {row.sessions} sessions" in said


def test_a_study_from_a_table_of_features_starts_at_the_analysis():
    steps = count_flow(None, analysed(), complete_settings({}))
    assert [step.label for step in steps] == ["Analysed"]
    assert "MS\n1" in texts(draw_enrolment(steps))


def test_what_is_no_manifest(tmp_path):
    (tmp_path / "manifest.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match="not a manifest"):
        read_sessions(tmp_path / "manifest.tsv")


# Nuclei


def brain() -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Nuclei as boxes, left ones at smaller x, and χ that names the voxel."""
    labels = np.zeros((24, 28, 20), dtype=np.int32)
    boxes = {"HCN": (12, 20, 14), "THA": (12, 12, 14), "SN": (12, 14, 8), "DN": (12, 5, 3)}
    rows = []
    for number, (name, (_, y, z)) in enumerate(boxes.items(), 1):
        for side, x, shift in (("L", 6, 0), ("R", 15, 100)):
            labels[x : x + 3, y : y + 4, z : z + 3] = number + shift
            rows.append((number + shift, f"{name}_{side}"))
    chi = np.random.default_rng(0).normal(0, 0.05, labels.shape).astype(np.float32)
    return chi, labels, pd.DataFrame(rows, columns=["index", "abbreviation"])


AFFINE = np.diag([1.5, 1.5, 2.0, 1.0])
WANTED = ["DN", "HCN", "SN", "THA", "GP"]


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def outlines(figure) -> list[np.ndarray]:
    contours = [part for axis in figure.axes if axis.images for part in axis.collections]
    return [path.vertices for part in contours for path in part.get_paths()]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_the_stored_orientation_does_not_matter(order, flips):
    chi, labels, table = brain()
    expected = draw_outlines(chi, find_nuclei(labels, table, WANTED), AFFINE, nuclei=WANTED, session="sub-1")
    # The same voxels, their axes permuted and reversed, and the affine that says so.
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, (old, sign) in enumerate(zip(order, flips, strict=True)):
        turn[old, new] = sign
        turn[old, 3] = 0 if sign > 0 else chi.shape[old] - 1
    stored = [np.flip(part.transpose(order), np.flatnonzero(np.array(flips) < 0)) for part in (chi, labels)]
    found = draw_outlines(
        stored[0], find_nuclei(stored[1], table, WANTED), AFFINE @ turn, nuclei=WANTED, session="sub-1"
    )
    for one, other in zip(pictures(expected), pictures(found), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(outlines(expected), outlines(found), strict=True):
        np.testing.assert_allclose(one, other)
    assert len(outlines(expected)) == 4


def test_slices_go_through_the_nuclei_and_the_absent_one_is_named():
    chi, labels, table = brain()
    figure = draw_outlines(chi, find_nuclei(labels, table, WANTED), AFFINE, nuclei=WANTED, session="sub-1")
    said = texts(figure)
    assert all(title in said for title in ("basal ganglia", "midbrain", "cerebellum"))
    assert "Without voxels: GP" in said.replace("\n", " ")
    with pytest.raises(InputError, match="none of the nuclei"):
        draw_outlines(chi, {}, AFFINE, nuclei=WANTED, session="sub-1")


def test_regions_on_another_grid_are_refused(tmp_path):
    chi, labels, table = brain()
    paths = [tmp_path / name for name in ("sub-1_Chimap.nii.gz", "sub-1_dseg.nii.gz", "sub-1_dseg.tsv")]
    write_image(paths[0], chi, AFFINE)
    write_image(paths[1], labels, AFFINE)
    table.to_csv(paths[2], sep="\t", index=False)
    assert "sub-1" in texts(draw_session(*paths, WANTED))
    write_image(paths[1], labels, AFFINE + np.diag([0.2, 0, 0, 0]))
    with pytest.raises(InputError, match="voxels"):
        draw_session(*paths, WANTED)


def test_files_are_the_same_on_a_second_run_and_marked(study, tmp_path):
    for number in range(2):
        figure = draw_enrolment(count_flow(manifest(), analysed(), complete_settings({})))
        save_figure(figure, tmp_path / f"{number}.svg", tmp_path / f"{number}.png", simulated=True)
    for ending in ("svg", "png"):
        assert (tmp_path / f"0.{ending}").read_bytes() == (tmp_path / f"1.{ending}").read_bytes()
    assert SIMULATED_MARK in (tmp_path / "0.svg").read_text()
