"""What the workflow plans for the study of rim lesions."""

from __future__ import annotations

from chiomics.configuration import complete_configuration
from chiomics.core.errors import InputError
from chiomics.core.failures import record_failure
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


def test_a_session_whose_lesions_failed_once_is_left_out_of_them_alone(workflow, tmp_path):
    spec = multi_echo("{01,02,03}") | {"sub-{01,02,03}/anat/{name}_{T1w,FLAIR}": {}}
    bids = make_bids_tree(tmp_path / "bids", spec)
    run = workflow(bids)
    before = run.plan("all")
    settings = {"rims": complete_configuration({})["rims"]["lesions"]}
    (image,) = (bids / "sub-02/anat").glob("*FLAIR.nii.gz")
    record_failure(run.folder / "results/qc/failed", "sub-02", InputError("no patch can be cut", file=image),
                   inputs=[image], settings=settings, stage="rims")  # fmt: skip
    after = run.plan("all")
    assert (before["tabulate_lesions"], after["tabulate_lesions"]) == (3, 2)
    changed = {"tabulate_lesions", "total"}
    assert {k: v for k, v in before.items() if k not in changed} == {k: v for k, v in after.items() if k not in changed}
