"""What the workflow plans for the study of rim lesions."""

from __future__ import annotations

from chiomics.core.learning.device import torch_missing
from tests.bids_trees import make_bids_tree, multi_echo


def test_the_published_size_is_one_job_per_training(workflow):
    settings = {"papers": {"zhang2022": {"size": "published", "arms": ["reference", "qsmrim"]}}}
    jobs = workflow().plan("zhang2022", config=settings)
    # two arms without chance and one network: five folds, three seeds of the network where it can be trained
    networks = 0 if torch_missing() else 15
    assert jobs["train_detector"] == 5 + 5 + networks
    assert jobs["combine_detectors"] == jobs["fit_detector"] == 1


def test_a_cohort_without_ratings_is_left_out_with_its_reason(workflow, tmp_path):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("{01,02}")))
    done = run.run("zhang2022", options=("--dry-run",))
    assert done.returncode != 0
    assert "rim_ratings.tsv" in done.stdout + done.stderr
