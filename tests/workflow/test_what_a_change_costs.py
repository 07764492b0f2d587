"""What a change of the data set, the settings or the package plans, and what it does not: docs/study.md's table."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from tests.bids_trees import make_bids_tree
from tests.workflow.stub_runs import StubRuns

FIVE_ECHOES = {"EchoTime": [0.004, 0.012, 0.02, 0.028, 0.036], "MagneticFieldStrength": 3}
#: What is made of a session that comes, with a T1w and two presets.
OF_SESSION = {"reconstruct_qsm": 1, "map_anatomy": 1, "extract_features": 2, "tabulate_lesions": 1, "show_session": 1}
#: What compares sessions, the studies aside.
COMPARES = Counter(("compare_anatomy", "compare_sessions", "write_methods", "show_cohort"))
FISCONE = Counter((
    "compute_icc", "describe_tracts", "draw_fiscone2023", "write_fiscone2023", "draw_workflow_fiscone2023",
    "show_paper",
))  # fmt: skip
#: The default of each key, and the keys in an order of their own.
DEFAULTS = """
site: {volumes: all}
radiomics: {wide_table: false, isolated_voxels: pyradiomics, reference: qsm, engine: chiomics}
qsm: {inversions: [tv], preset: default, brain_mask: template, data_weights: true, reference: csf, phase: {},
  parameters: {}, phase_sign: 1, bipolar: auto, backend: numpy, echo_sets: {1TE: [5], 2TE: [1, 5], 3TE: [1, 3, 5]}}
one_job_below: 4000000 # voxels
keep_intermediates: true
on_bad_session: exclude
"""


def cohort(names):
    """Describe sessions of five echoes, T1w and FLAIR."""
    who = f"sub-{{{','.join(names)}}}/anat/{{name}}"
    return {f"{who}_echo-{{1,2,3,4,5}}_part-{{mag,phase}}_MEGRE": FIVE_ECHOES, f"{who}_{{T1w,FLAIR}}": {}}


def write_people(bids, names, *, age=30, other=""):
    """Write participants.tsv; the group is the letters of a name."""
    header = f"participant_id\tgroup\tage\tsex\tdisease_duration\tedss{other and chr(9) + other}"
    rows = [
        f"sub-{name}\t{name.strip('0123456789')}\t{age + 3 * n}\t{'MF'[n % 2]}\t{n}\t2{other and chr(9) + 'x'}"
        for n, name in enumerate(names)
    ]
    (bids / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def begun(tmp_path):
    """Return a function that makes a data set, and runs of it whose jobs are stubs."""
    made = []

    def begin(names):
        bids = make_bids_tree(tmp_path / "bids", cohort(names))
        write_people(bids, names)
        make_bids_tree(tmp_path, {"own/atlas.yaml": ""})
        made.append(StubRuns(tmp_path / "out", bids))
        return made[-1]

    yield begin
    for runs in made:
        runs.close()


def settings(runs, more=""):
    """Write a user's YAML."""
    own = runs.folder.parent / "own"
    return f"anatomy: {{nuclei: {{atlas: {own}}}, tracts: {{atlas: {own}}}}}\n{more}"


def test_what_changes_no_result_plans_nothing_and_sessions_that_come_plan_themselves(begun, tmp_path):
    names = ["MS1", "HC1"]
    runs = begun(names)
    runs.run(settings=settings(runs))

    bids, first = runs.bids_dir, runs.bids_dir / "sub-MS1/anat"
    sidecar = first / "sub-MS1_echo-1_part-mag_MEGRE.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"PatientComment": "x"}, indent=4))
    make_bids_tree(bids, {
        "sub-MS1/func/sub-MS1_task-rest_bold": {}, "sub-MS1/sub-MS1_scans.tsv": "filename\tacq_time\n",
        "dataset_description.json": {"Name": "x"}, "participants.json": {}, "README.md": "read",
    })  # fmt: skip
    write_people(bids, names, age=40, other="colour")  # no study reads the ages of two
    bids.rename(tmp_path / "renamed")
    (tmp_path / "a link").symlink_to(tmp_path / "renamed")
    runs.bids_dir, runs.folder = tmp_path / "a link", runs.folder.rename(tmp_path / "out too")
    runs.version = "99.0"
    assert runs.plan("all", "--cores", "1", settings=DEFAULTS + "# as it was\n" + settings(runs)) == {}

    beside = "radiomics: {presets: {fiscone107: {}, yan874: {echo_sets: [all]}, zhang527: {}}}\n"
    found = runs.plan("radiomics", settings=settings(runs, beside))
    assert found == {"extract_features": 2, "compare_sessions": 1}, "a table of the new preset alone for each"

    names += ["MS2", "NMOSD1", "MS3"]
    make_bids_tree(tmp_path / "renamed", cohort(names[2:]))
    write_people(tmp_path / "renamed", names)
    expected = Counter({name: 3 * number for name, number in OF_SESSION.items()}) + COMPARES + FISCONE
    assert runs.plan(settings=settings(runs)) == expected, "old sessions stay, a study that they now serve is made"


@pytest.mark.slow
def test_each_change_plans_what_the_documentation_says(begun, tmp_path):
    names = [f"{group}{number}" for group in ("MS", "NMOSD") for number in range(1, 6)]
    runs = begun(names)
    papers = "papers: {wang2020: {include: false}, seok2023: {include: false}, zhang2022: {include: false}}\n"
    plain = settings(runs, papers)
    runs.run(settings=plain)
    assert runs.plan(settings=plain) == {}
    of_yan = {
        "gather_cohort", "evaluate_models", "permute_labels", "combine_evaluations", "draw_yan2021", "fit_model",
        "write_yan2021", "show_paper",
    }  # fmt: skip
    bids = runs.bids_dir

    def planned(more="", *options):
        return runs.plan("all", *options, settings=plain + more)

    # An age: the study that reads it.
    write_people(bids, names, age=31)
    assert set(planned()) == of_yan
    write_people(bids, names)

    # A number of folds, and the same number said.
    assert set(runs.plan(settings=plain.replace("papers: {", "papers: {yan2021: {folds: 4}, "))) == of_yan
    assert runs.plan(settings=plain.replace("papers: {", "papers: {yan2021: {folds: 5}, ")) == {}

    # Pages without volumes.
    assert planned("site: {volumes: none}\n") == {"show_session": 10, "show_cohort": 1}

    # A session goes, and an echo of one: the study that five of a group no longer serve is left alone.
    (bids / "sub-MS5").rename(tmp_path / "kept")
    assert planned() == COMPARES + FISCONE - Counter(["draw_workflow_fiscone2023"])
    (tmp_path / "kept").rename(bids / "sub-MS5")
    echoes = list(bids.glob("sub-MS5/anat/*echo-5*"))
    for path in echoes:
        path.rename(tmp_path / path.name)
    found = planned()
    assert {found[name] for name in OF_SESSION if name != "reconstruct_qsm"} == {1, 2}
    assert sum(number for name, number in found.items() if name.startswith("reconstruct_qsm")) == 1
    for path in echoes:
        (tmp_path / path.name).rename(path)

    # A lesion mask for one session: its anatomy and what follows, no map.
    make_bids_tree(bids, {"derivatives/own/sub-MS1/anat/sub-MS1_label-lesion_mask": {}})
    found = planned()
    assert found["map_anatomy"] == 1 and "reconstruct_qsm" not in found
    shutil.rmtree(bids / "derivatives")
    assert planned() == {}

    # The stubs are of an earlier version of each stage, which is named and stays, until it is asked to go.
    assert "qsm: 10 sessions of version 0" in " ".join(runs.text.split())
    found = planned("redo: [qsm]\n")
    assert found["reconstruct_qsm"] == found["map_anatomy"] == 10
