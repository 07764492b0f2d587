"""Sessions without a gradient echo through the FLAIR classifiers' steps, by the workflow and by the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.cli import main
from chiomics.commands.flair_segmentation import template_levels
from chiomics.core.learning.weights import save_model
from chiomics.flair.images.prepare import describe_preparation
from chiomics.flair.study.networks.final_model import describe_model, train_on_all
from chiomics.phantom import load_recipe, simulate_subject
from tests.flair.prepared import SEOK, small_cohort
from tests.workflow.test_anatomy_runs import RECIPE, check

#: As of the simulated cohort: its heads are as large as the template, and no network was trained on them.
ANATOMY = {
    "registration": {"preset": "fast", "program": "ants", "parameters": {}}, "brain_extraction": "template",
    "brain_volume": [0.9, 2.5], "checks": {}, "tissue": {}, "lesions": {}, "drawn_on": None,
}  # fmt: skip

pytestmark = pytest.mark.slow


def save_small_model(path: Path) -> None:
    """Train on a small cohort that was prepared as the anatomy stage's sessions are."""
    prepared = small_cohort(4, seed=1)
    prepared.table["preparation"] = describe_preparation(template_levels())
    card = describe_model(prepared, "seok2023", SEOK, None, source="a test", simulated=True, anatomy=ANATOMY)
    model = train_on_all(prepared, "seok2023", card["arm"], SEOK | {"epochs": 1})
    save_model(path, model.state_dict(), card)


def test_results_and_images_of_a_session_get_the_same_score(workflow, tmp_path, capsys) -> None:
    simulate_subject(load_recipe(RECIPE), "sub-MS01", tmp_path / "whole")
    anat = tmp_path / "alone/sub-01/ses-1/anat"
    anat.mkdir(parents=True)
    for suffix in ("T1w", "FLAIR"):
        for path in (tmp_path / "whole/sub-MS01/anat").glob(f"*_{suffix}.*"):
            shutil.copy(path, anat / path.name.replace("sub-MS01", "sub-01_ses-1"))
    model = tmp_path / "model.safetensors"
    save_small_model(model)
    run = workflow(tmp_path / "alone")
    check(run.run("predict_flair", config={"anatomy": ANATOMY, "flair": {"model": str(model)}}))
    by_workflow = pd.read_csv(run.folder / "results/flair/predicted/scores.tsv", sep="\t")
    assert (run.folder / "results/flair/predicted/attention/attention.png").stat().st_size > 20_000
    scores = [by_workflow]
    images = ["--flair", anat / "sub-01_ses-1_FLAIR.nii.gz", "--t1w", anat / "sub-01_ses-1_T1w.nii.gz"]
    for name, given in (("folder", [run.folder]), ("images", [*images, "--find-lesions"])):
        out = tmp_path / f"{name}.tsv"
        assert main(["flair", "predict", str(model), *map(str, given), "-o", str(out)]) == 0, capsys.readouterr().err
        scores.append(pd.read_csv(out, sep="\t"))
    # The same steps on the same images in three processes: not one bit may differ.
    for one in scores:
        assert one["session"].tolist() == ["sub-01_ses-1"]
        assert one["p_MS"].tolist() == by_workflow["p_MS"].tolist()
        assert "trained on simulated subjects alone" in one["warning"][0]
        assert "lesions are automatic" in one["warning"][0]
