"""The studies of Wang 2020 and Seok 2023 are planned for the sessions that they can take."""

from __future__ import annotations

import os

import pytest

from tests.bids_trees import make_bids_tree, multi_echo
from tests.workflow.conftest import needs_torch

SMALL = {
    "wang2020": {"folds": 2, "repeats": 2, "arms": ["2v-18", "2v-18-imagenet", "2v-18-heads"], "permutations": 1,
                 "supplement_repeats": 1, "trainings_per_job": 10, "decays": [0.9], "heads_per_job": 44},
    "seok2023": {"folds": 2, "tests": 2, "supplement_tests": 1, "permutations": 1, "permutation_tests": 1,
                 "trainings_per_job": 4},
}  # fmt: skip


@pytest.fixture
def without_torch(monkeypatch, tmp_path):
    """Hide PyTorch from every process that the test starts."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(
        "import importlib.util\n"
        "plain = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *words: None if name == 'torch' else plain(name, *words)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)


@needs_torch
@pytest.mark.parametrize("paper", ["wang2020", "seok2023"])
def test_simulated_heads_wait_for_a_small_size_or_a_wish(workflow, paper):
    run = workflow()
    asked = run.run(paper, options=("--dry-run",))
    assert asked.returncode != 0
    assert "takes days on simulated heads" in asked.stdout + asked.stderr
    plan = run.plan(paper, config={"papers": {paper: {"include": True, **SMALL[paper]}}})
    # Wang: two arms x (2 repeats x 2 folds x 2 schemes), two inputs and one permutation x 2 folds x 2 schemes = 28;
    # Seok: (2 tests + 2 inputs + 1 permutation) x 2 folds = 10, in jobs of 10 and of 4.
    assert plan["train_flair"] == 3
    assert plan["simulate_heads"] == (2 if paper == "wang2020" else 4)
    assert plan.get("pretrain_on_heads", 0) == (paper == "wang2020")
    assert "prepare_flair" not in plan


@needs_torch
@pytest.mark.parametrize("paper", ["wang2020", "seok2023"])
def test_sessions_with_flair_and_t1w_of_both_groups_are_prepared(workflow, tmp_path, paper):
    people = [["participant_id", "group"], *[[f"sub-0{n}", "MS" if n < 4 else "NMOSD"] for n in range(1, 7)]]
    spec = multi_echo("{01,02,03,04,05,06}") | {
        "sub-{01,02,03,04,05,06}/anat/{name}_T1w": {},
        "sub-{01,02,03,04,05,06}/anat/{name}_FLAIR": {},
        "participants.tsv": people,
    }
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    plan = run.plan(paper, config={"papers": {paper: SMALL[paper]}})
    assert plan["prepare_flair"] == 6
    assert plan["gather_flair"] == 1
    assert "simulate_heads" not in plan
    assert "map_structural" not in plan
    more = run.run(paper, config={"papers": {paper: {**SMALL[paper], "folds": 4}}}, options=("--dry-run",))
    assert "3 participants of group MS with FLAIR and T1w, 4 folds need as many" in more.stdout + more.stderr


@needs_torch
def test_sessions_without_a_gradient_echo_serve_and_what_lacks_is_said(workflow, tmp_path):
    people = [["participant_id", "group", "Scanner"]]
    people += [[f"sub-{n:02d}", "ms" if n < 8 else "NMO", "AB"[n % 2]] for n in range(1, 15)]
    numbers = "{" + ",".join(f"{n:02d}" for n in range(1, 15)) + "}"
    spec = {f"sub-{numbers}/anat/{{name}}_{kind}": {} for kind in ("T1w", "FLAIR")} | {"participants.tsv": people}
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    asked = run.run("seok2023", options=("--dry-run",))
    assert "other groups there: ms (7), NMO (7); papers.seok2023.groups names the two" in asked.stdout + asked.stderr
    named = {"groups": ["ms", "NMO"], "tests": 2, "supplement_tests": 0, "permutations": 0, "trainings_per_job": 1}
    wrong = run.run("seok2023", config={"papers": {"seok2023": named}}, options=("--dry-run",))
    assert "papers.seok2023.positive; found MS; expected ms or NMO" in wrong.stdout + wrong.stderr
    plan = run.plan("seok2023", config={"papers": {"seok2023": {**named, "positive": "ms"}}})
    assert plan["map_structural"] == plan["prepare_flair"] == 14
    # Two draws of five folds; three patients of a group at a scanner are too few to leave it out.
    assert plan["train_flair"] == 10


def test_without_pytorch_a_study_that_was_wished_for_is_left_out_by_name(workflow, without_torch):
    run = workflow()
    wished = {"papers": {paper: {"include": True, **SMALL[paper]} for paper in SMALL}}
    done = run.run("all", config=wished, options=("--dry-run",))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for paper in SMALL:
        assert f"{paper} is left out: PyTorch is not installed" in said
    assert not {"simulate_heads", "train_flair", "pretrain_on_heads"} & set(said.split())
    asked = run.run("wang2020", config=wished, options=("--dry-run",))
    assert asked.returncode != 0 and "PyTorch is not installed" in asked.stdout + asked.stderr
