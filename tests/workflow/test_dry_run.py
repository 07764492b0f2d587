"""What the workflow plans over placeholder trees, one variant of the configuration or the input each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time

import networkx
import pandas as pd
import pytest
import yaml

from chiomics.core.papers import read_captions
from chiomics.index import read_manifest
from tests.bids_trees import GRE, SHAPE, make_bids_tree, multi_echo
from tests.core.features.tables import tidy_table
from tests.workflow.conftest import ROOT, needs_torch

FIVE_ECHOES = {"EchoTime": [0.004, 0.012, 0.02, 0.028, 0.036], "MagneticFieldStrength": 3}
SINGLE = {"EchoTime": 0.02, "MagneticFieldStrength": 3}
WINGS = {
    "fiscone2023": "chiomics.robustness.fiscone2023", "yan2021": "chiomics.diagnosis.yan2021",
    "zhang2022": "chiomics.rims.zhang2022", "wang2020": "chiomics.flair.wang2020",
    "seok2023": "chiomics.flair.seok2023",
}  # fmt: skip
STEPS = {"mask_brain", "unwrap_phase", "remove_background", "invert_dipole", "plot_qsm"}


def test_the_embedded_cohort_is_simulated_and_mapped(workflow):
    jobs = workflow().plan()
    assert jobs["simulate_subject"] == jobs["reconstruct_qsm"] == jobs["map_anatomy"] >= 24
    assert jobs["extract_features"] == 2 * jobs["map_anatomy"], "a job for each preset of fiscone2023 and yan2021"
    assert jobs["write_fiscone2023"] == jobs["combine_evaluations"] == 1


@needs_torch
def test_every_figure_and_table_of_a_paper_that_is_planned_has_its_words(workflow):
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    listed = workflow().run("all", config=demo, options=("--summary",)).stdout
    planned = re.findall(r"^results/papers/(\w+)/(\w+)\.(?:png|tsv)\t", listed, flags=re.MULTILINE)
    for paper, wing in WINGS.items():
        names = {name for key, name in planned if key == paper}
        said = set(read_captions(wing))
        assert len(names) > 5 and names <= said, names - said
        assert {name for name in said - names if name.startswith("figure")} == set(), "a figure that no one draws"


def test_a_smaller_cohort_by_its_recipe(workflow):
    jobs = workflow().plan(config={"phantom": {"groups": {"HC": 0, "MS": 2, "NMOSD": 1}}})
    assert jobs["simulate_subject"] == 3


@pytest.mark.parametrize("one_job_below", [0, 10**9])
def test_small_sessions_take_one_job_and_large_ones_a_job_for_each_step(workflow, tmp_path, one_job_below):
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}"))
    jobs = workflow(bids).plan("qsm", config={"one_job_below": one_job_below})
    expected = STEPS if one_job_below == 0 else {"reconstruct_qsm"}
    assert {name: count for name, count in jobs.items() if name != "qsm"} == dict.fromkeys(expected, 2)


@pytest.mark.parametrize(
    "qsm",
    [
        {"preset": "published", "inversions": ["ilsqr", "star"], "data_weights": False},
        {"echo_sets": {"3TE": [1, 2, 3], "1TE": [3]}},
        {"reference": "none", "inversions": ["tv"], "parameters": {"tv": {"regularisation": 1e-4}}},
        {"phase_sign": -1, "phase_scale": "radians", "bipolar": True, "backend": "torch"},
    ],
)
def test_variants_of_the_configuration_are_planned(workflow, tmp_path, qsm):
    bids = make_bids_tree(tmp_path / "bids", multi_echo("01"))
    assert workflow(bids).plan("qsm", config={"qsm": qsm})["reconstruct_qsm"] == 1


def test_sessions_runs_and_echoes_that_only_some_subjects_have(workflow, tmp_path):
    spec = multi_echo("01", echoes=4) | multi_echo("02", echoes=2, session="ses-{1,2}/")
    spec |= {"sub-03/anat/{name}_run-{1,2}_echo-{1,2,3}_part-{mag,phase}_MEGRE": GRE}
    spec |= {"sub-04/anat/{name}_part-{mag,phase}_MEGRE": SINGLE}
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    config = {"qsm": {"echo_sets": {"pair": [1, 2], "late": [4]}}, "one_job_below": 10**9}
    jobs = run.plan("qsm", config=config)
    # One group of rules each for 4 echoes, 2 echoes, 3 echoes and 1 echo, as their outputs differ.
    assert sorted(count for name, count in jobs.items() if name.startswith("reconstruct_qsm")) == [1, 1, 2, 2]
    # Whole lines: which files a cut one begins with is chance.
    planned = run.run("qsm", config=config, options=("--dry-run", "--verbose")).stdout
    assert "sub-01_rec-tv_desc-late_Chimap.nii.gz" in planned
    assert "sub-03_rec-tv_run-2_desc-pair_Chimap.nii.gz" in planned
    assert "sub-02_ses-1_rec-tv_desc-late" not in planned
    assert "echo set late [4] is skipped for 5 sessions with fewer echoes" in planned


def test_two_runs_of_one_session_may_differ_in_echoes(workflow, tmp_path):
    spec = {"sub-01/anat/{name}_run-1_echo-{1,2,3,4}_part-{mag,phase}_MEGRE": GRE}
    spec |= {"sub-01/anat/{name}_run-2_echo-{1,2}_part-{mag,phase}_MEGRE": GRE}
    jobs = workflow(make_bids_tree(tmp_path / "bids", spec)).plan("qsm")
    assert sum(count for name, count in jobs.items() if name.startswith("reconstruct_qsm")) == 2


def test_an_external_map_is_not_computed_again(workflow, tmp_path):
    spec = multi_echo("01") | {"derivatives/mine/sub-02/anat/sub-02_Chimap": {}}
    assert workflow(make_bids_tree(tmp_path / "bids", spec)).plan("qsm")["reconstruct_qsm"] == 1


@pytest.mark.parametrize("masked", [False, True])
def test_the_brain_of_an_external_map_without_a_mask_is_found_on_its_magnitude(workflow, tmp_path, masked):
    spec = {"sub-01/anat/{name}_echo-{1,2}_part-mag_MEGRE": GRE, "derivatives/mine/sub-01/anat/sub-01_Chimap": {}}
    spec |= {"derivatives/mine/sub-01/anat/sub-01_desc-brain_mask": {}} if masked else {}
    config = {"anatomy": {"nuclei": {"atlas": None}, "tracts": {"atlas": None}}}
    jobs = workflow(make_bids_tree(tmp_path / "bids", spec)).plan("anatomy", config=config)
    assert ("mask_given_map" in jobs) is not masked
    assert jobs["map_anatomy"] == 1


def test_other_kinds_of_input(workflow, tmp_path):
    spec = {"sub-01/anat/{name}_echo-{1,2,3}_part-{real,imag}_MEGRE": GRE}
    assert workflow(make_bids_tree(tmp_path / "bids", spec)).plan("qsm")["reconstruct_qsm"] == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"qsm": {"inversion": ["ilsqr"]}}, "inversion"),
        ({"qsm": {"echo_sets": {"all": [1]}}}, "all"),
        ({"bids_folder": "x"}, "bids_folder"),
        ({"phantom": {"sed": 1}}, "sed"),
        ({"qsm": {"parameters": {"tv": {"regularization": 1e-3}}}}, "regularisation?"),
        ({"qsm": {"inversions": "tkd"}}, "found tkd; expected null or a list"),
        ({"on_bad_session": "ignore"}, "ignore"),
        ({"anatomy": {"nuclei": {"atlass": "mine"}}}, "atlass"),
        ({"papers": {"yan2021": {"fold": 5}}}, "fold"),
        ({"features": "a.parquet", "bids_dir": "b"}, "a paper starts from one of them"),
        ({"bids_dir": "b{1}"}, "bids_dir holds braces, which Snakemake takes for wildcards"),
        ({"bids_dir": "b<1b>/<lab>"}, "bids_dir holds <lab>, which Snakemake takes for a name of its own"),
    ],
)
def test_a_key_or_value_that_the_configuration_lacks_is_refused_by_name(workflow, config, message):
    done = workflow().run(config=config, options=("--dry-run",))
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert message in said
    assert "Traceback" not in said
    assert "  File " not in said


@pytest.mark.parametrize(("name", "said"), [("out {1}", "braces"), ("out <results>", "<results>")])
def test_results_in_a_folder_that_snakemake_would_rename_are_refused_by_name(workflow, name, said):
    """Snakemake itself stops there with a message of regular expressions, or of a name of its own that it lacks."""
    done = workflow(name=name).run(options=("--dry-run",))
    assert done.returncode != 0
    assert f"the path of the results holds {said}, which Snakemake takes for" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_section_on_the_command_line_is_read_as_it_is_meant(workflow, tmp_path):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("01")))
    given = ("--config", "anatomy={nuclei: {refine: false, atlas: null}, tracts: {atlas: null}}")
    done = run.run("anatomy", options=("--dry-run", *given))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "prepare_atlas" not in done.stdout  # null was read as none and not as a name
    refused = run.run("anatomy", options=("--dry-run", "--config", "anatomy={nuclei: {refine: maybe}}"))
    assert "anatomy.nuclei.refine" in refused.stdout + refused.stderr
    assert "found maybe; expected true or false" in refused.stdout + refused.stderr


def test_a_bad_session_is_left_out_or_stops_the_run(workflow, tmp_path):
    spec = multi_echo("01") | {"sub-02/anat/{name}_part-mag_MEGRE": SINGLE}
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    assert run.plan("qsm")["reconstruct_qsm"] == 1
    said = run.run(options=("--dry-run",))
    assert "1 excluded" in said.stdout + said.stderr
    stopped = run.run(config={"on_bad_session": "fail"}, options=("--dry-run",))
    assert stopped.returncode != 0
    assert "sub-02" in stopped.stdout + stopped.stderr


def test_an_empty_cohort_is_an_error_at_its_cause(workflow, tmp_path):
    done = workflow(make_bids_tree(tmp_path / "bids", {"sub-01/anat/{name}_FLAIR": {}})).run(options=("--dry-run",))
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "no session can be used" in said
    assert "found FLAIR; expected part-mag and part-phase MEGRE" in said


def test_a_folder_that_is_not_there_is_an_error_at_its_cause(workflow, tmp_path):
    done = workflow(tmp_path / "no such folder").run(options=("--dry-run",))
    assert done.returncode != 0
    assert "no such folder" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("one_job_below", "expected"), [(10**9, {"map_anatomy"}), (0, {"segment_anatomy", "define_regions"})]
)
def test_anatomy_takes_one_job_for_small_sessions_and_two_for_large_ones(workflow, tmp_path, one_job_below, expected):
    spec = multi_echo("{01,02}") | {"sub-01/anat/{name}_{T1w,FLAIR}": {}}
    config = {"one_job_below": one_job_below, "anatomy": {"nuclei": {"atlas": None}, "tracts": {"atlas": None}}}
    jobs = workflow(make_bids_tree(tmp_path / "bids", spec)).plan("anatomy", config=config)
    made: dict[str, int] = {}
    for name, count in jobs.items():
        rule = re.sub(r"_[0-9]+$", "", name)  # sessions with and without a T1w are groups of their own
        if rule in ("map_anatomy", "segment_anatomy", "define_regions"):
            made[rule] = made.get(rule, 0) + count
    assert made == dict.fromkeys(expected, 2)
    assert "prepare_atlas" not in jobs


def test_atlases_are_fetched_taken_from_a_folder_or_left_out(workflow, tmp_path):
    bids, own = make_bids_tree(tmp_path / "bids", multi_echo("01")), tmp_path / "my-atlas"
    own.mkdir()
    public = workflow(bids, "public").plan("anatomy")
    assert (public["fetch_atlas"], public["prepare_atlas"]) == (2, 2)
    config = {"anatomy": {"nuclei": {"atlas": str(own)}, "tracts": {"atlas": None}}}
    mine = workflow(bids, "mine").plan("anatomy", config=config)
    assert mine["prepare_atlas"] == 1
    assert "fetch_atlas" not in mine


def test_what_needs_an_atlas_that_cannot_be_had_is_left_out_and_said(workflow, tmp_path):
    people = [f"{group}{number:02d}" for group in ("MS", "NMOSD") for number in range(1, 6)]
    spec = multi_echo(f"{{{','.join(people)}}}") | {f"sub-{{{','.join(people)}}}/anat/{{name}}_{{T1w,FLAIR}}": {}}
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    lines = [f"sub-{name}\t{name[:-2]}\t{20 + 3 * n}\t{'MF'[n % 2]}\t{n}\t2" for n, name in enumerate(people)]
    header = "participant_id\tgroup\tage\tsex\tdisease_duration\tedss"
    (run.bids_dir / "participants.tsv").write_text("\n".join([header, *lines]) + "\n")
    (run.folder / "results/atlases").mkdir(parents=True)
    # A study of the same sessions that was made while the atlas was there.
    made = run.folder / "results/diagnosis/cohort.parquet"
    made.parent.mkdir()
    made.touch()
    study = {"time": made.stat().st_mtime_ns, "sessions": [f"sub-{name}" for name in people], "since": ""}
    (run.folder / "results/.members.json").write_text(json.dumps({"yan2021": study | {"places": ["diagnosis"]}}))
    reason = "the atlas is not at hand: put labels.nii.gz into the cache"
    (run.folder / "results/atlases/missing.json").write_text(json.dumps({"nuclei": reason, "tracts": reason}))
    config = {"anatomy": {"atlas_cache": str(tmp_path / "empty cache")}}
    done = run.run("anatomy", config=config, options=("--dry-run",))
    said = done.stdout + done.stderr
    assert f"nuclei are not made, everything else is, and a later run makes them: {reason}" in said
    assert "map_anatomy" in said
    assert "prepare_atlas" not in said
    # A plan writes nothing; the manifest is written before jobs, of which `--touch` runs none.
    run.run("anatomy", config=config, options=("--touch",))
    row = read_manifest(run.folder / "results/manifest.tsv")[0]
    assert row["without"] == ["nuclei", "tracts"]
    for kind, warning in zip(("nuclei", "tracts"), row["warnings"][-2:], strict=True):
        assert warning.startswith(f"made without {kind}: the atlas")
    states = {line.split("\t")[2] for line in (run.folder / "results/members.tsv").read_text().splitlines()[1:]}
    assert states == {"current"}, "an atlas that cannot be had today changes no study's members"


def test_an_atlas_that_comes_later_is_carried_to_the_sessions_that_were_made_without(workflow, tmp_path):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("01") | {"sub-01/anat/{name}_T1w": {}}))
    own = tmp_path / "own"
    own.mkdir()
    (own / "atlas.yaml").touch()
    without = {"anatomy": {"nuclei": {"atlas": None}, "tracts": {"atlas": None}}}
    summary = run.run("anatomy", config=without, options=("--summary",)).stdout.splitlines()
    now = time.time()
    for line in summary[1:]:  # as if all had been made, by a run that left no record
        path = run.folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (now, now))  # none older than another
    assert "map_anatomy" not in run.plan("anatomy", config=without)
    later = {"anatomy": {"nuclei": {"atlas": None}, "tracts": {"atlas": str(own)}}}
    assert run.plan("anatomy", config=later)["map_anatomy"] == 1


def test_tracts_are_traced_where_there_are_diffusion_images(workflow, tmp_path):
    spec = multi_echo("{01,02}") | {"sub-{01,02}/anat/{name}_T1w": {}, "sub-01/dwi/{name}_dwi": {"shape": (*SHAPE, 2)}}
    bids = make_bids_tree(tmp_path / "bids", spec)
    for extension, text in (("bval", "0 1000"), ("bvec", "0 1\n0 0\n0 0")):
        (bids / f"sub-01/dwi/sub-01_dwi.{extension}").write_text(text)
    config = {"anatomy": {"tracts": {"route": "diffusion"}}}
    jobs = workflow(bids).plan("anatomy", config=config)
    assert [count for name, count in jobs.items() if name.startswith("trace_tracts")] == [1]


def test_a_paper_that_the_cohort_cannot_serve_is_left_out_and_the_reason_given(workflow, tmp_path):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("{01,02,03}")))
    said = run.run(options=("--dry-run",))
    said = said.stdout + said.stderr
    assert "fiscone2023 is left out: 0 sessions have the 5 echoes" in said
    assert "yan2021 is left out: 0 participants of group MS" in said
    assert "desc-3TE" not in said, "these sessions lack the echoes"
    asked = run.run("yan2021", options=("--dry-run",))
    assert asked.returncode != 0
    assert "0 participants of group MS" in asked.stdout + asked.stderr


def test_volumes_are_relative_to_the_whole_brain_where_there_is_a_t1w(workflow, tmp_path):
    spec = {
        "sub-{01,02,03,04,05}/anat/{name}_echo-{1,2,3,4,5}_part-{mag,phase}_MEGRE": FIVE_ECHOES,
        "sub-{01,02,03}/anat/{name}_T1w": {},
    }
    run = workflow(make_bids_tree(tmp_path / "bids", spec))
    planned = run.run("results/robustness/volumes.tsv", options=("--dry-run", "--verbose"))  # lists of files whole
    assert planned.returncode == 0, planned.stdout + planned.stderr
    (job,) = re.findall(r"rule describe_tracts:\n    input: (.*)", planned.stdout + planned.stderr)
    assert re.findall(r"sub-(\d+)_desc-anatomy_volumes.tsv", job) == ["01", "02", "03"]
    assert re.findall(r"sub-(\d+)_desc-brain_mask.nii.gz", job) == ["04", "05"]


def test_the_steps_of_a_session_are_one_job_on_a_cluster_that_waits_for_nothing_of_itself(workflow):
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    grouped = {given.partition("=")[0] for given in profile["groups"]}
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not [name for name in grouped if not re.search(rf"rule {name}:|\"{name}", rules)]
    drawn = workflow().run("all", config={"phantom": {"groups": {"HC": 1, "MS": 1, "NMOSD": 1}}}, options=("--dag",))
    rule = dict(re.findall(r'(\d+)\[label = "(\w+)', drawn.stdout))
    jobs = networkx.DiGraph(re.findall(r"(\d+) -> (\d+)", drawn.stdout))
    of_sessions = jobs.subgraph(number for number in jobs if rule[number] in grouped)
    groups = list(networkx.weakly_connected_components(of_sessions))
    assert len(groups) == 3 and min(map(len, groups)) >= 5
    of = {number: f"group {place}" for place, numbers in enumerate(groups) for number in numbers}
    sent = networkx.relabel_nodes(jobs, of)
    sent.remove_edges_from(networkx.selfloop_edges(sent))
    assert networkx.is_directed_acyclic_graph(sent)


@pytest.mark.parametrize("paper", ["fiscone2023", "yan2021"])
def test_a_paper_starts_from_a_table_of_features_alone(workflow, tmp_path, paper):
    table = tmp_path / "features.parquet"
    tidy = tidy_table(vois=("AF", "RN", "SN", "DN", "GP", "PUT", "THA", "HCN")).assign(edss="2", disease_duration="5")
    if paper == "fiscone2023":
        tidy = pd.concat([tidy.assign(preset="fiscone107", echo_set=name) for name in ("all", "1TE")])
    tidy.to_parquet(table)
    jobs = workflow().plan(paper, config={"features": str(table)})
    assert jobs
    assert not {"simulate_subject", "reconstruct_qsm", "map_anatomy", "extract_features"} & set(jobs)


def test_a_table_that_cannot_serve_stops_the_plan_with_its_row(workflow, tmp_path):
    text = tidy_table().to_csv(index=False).replace("glcm,Id,", "glcm,Id,5 % or ", 1)
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    papers = {"yan2021": {"nuclei": ["DN"], "demographics": ["age"], "confounders": []}}
    config = {"features": str(tmp_path / "f.csv"), "papers": papers}
    stopped = workflow().run("all", config=config, options=("--dry-run",))
    assert stopped.returncode != 0
    said = stopped.stdout + stopped.stderr
    assert "no paper can start from these tables" in said and "row 4, column value" in said
    asked = workflow().run("yan2021", config=config, options=("--dry-run",))
    said = asked.stdout + asked.stderr
    assert asked.returncode != 0 and "row 4, column value" in said
    assert "InputFunctionException" not in said and "Platform" not in said, "the cause alone"


def test_wide_tables_are_imported_by_a_map_of_their_columns(workflow, tmp_path):
    for name in ("5TE", "1TE"):
        rows = "\n".join(f"{who},{number}" for number, who in enumerate(("01", "02", "03")))
        (tmp_path / f"{name}.csv").write_text(f"ID,original_glcm_Id\n{rows}\n")
    (tmp_path / "columns.yaml").write_text(
        "columns: {participant: ID}\nfile_pattern: '(?P<echo_set>.TE)'\nconstants: {voi: AF, n_gray_levels: 32}\n"
    )
    config = {"features": str(tmp_path / "*.csv"), "feature_columns": str(tmp_path / "columns.yaml")}
    assert workflow().plan("fiscone2023", config=config)["import_features"] == 1
    for name, reason in (("*.none", "no file has a name like"), ("absent.csv", "there is no such file")):
        missing = workflow().run("fiscone2023", config={"features": str(tmp_path / name)}, options=("--dry-run",))
        assert missing.returncode != 0
        assert f"features: {reason}" in missing.stdout + missing.stderr
        assert "Traceback" not in missing.stdout + missing.stderr


def test_the_graph_of_the_rules_is_had_without_touching_the_run(workflow):
    """A job asks for it in the middle of a run (`draw_workflow`)."""
    own = workflow()
    manifest = own.folder / "results/manifest.tsv"
    assert own.run("results/phantom/participants.tsv").returncode == 0
    content = manifest.read_text()
    os.utime(manifest, (1, 1))
    command = own.command("qsm", options=("--rulegraph", "--forceall"))
    done = subprocess.run(
        command, env=os.environ | {"CHIOMICS_KEEP_MANIFEST": "1"}, capture_output=True, text=True, check=False
    )
    assert "reconstruct_qsm" in done.stdout or "invert_dipole" in done.stdout, done.stderr
    assert (manifest.read_text(), manifest.stat().st_mtime) == (content, 1)


@pytest.mark.parametrize("reading", [("--dry-run",), ("--summary",), ("--rulegraph",), ("--list-changes", "params")])
def test_commands_that_read_write_nothing(workflow, tmp_path, reading):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("{01,02}")))
    done = run.run("qsm", options=reading)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (run.folder / "results").exists()


def test_a_parameter_file_starts_at_the_snakefile_s_folder_and_is_looked_for_first(workflow, tmp_path):
    bids = make_bids_tree(tmp_path / "bids", {"derivatives/mine/sub-01/anat/sub-01_Chimap": {}} | multi_echo("01"))
    (tmp_path / "mine.yaml").write_text("imageType: {Original: {}}")
    for named, found in ((os.path.relpath(tmp_path / "mine.yaml", ROOT), True), ("mine.yaml", False)):
        config = {"radiomics": {"presets": {"mine": {"parameter_file": named}}}}
        done = workflow(bids).run("radiomics", config=config, options=("--dry-run",))
        assert (done.returncode == 0) is found, done.stdout + done.stderr
    assert "radiomics.presets.mine.parameter_file" in done.stdout + done.stderr
    config = {"papers": {"yan2021": {"whitelist": "no such table.tsv"}}}
    done = workflow(bids).run("radiomics", config=config, options=("--dry-run",))
    assert "papers.yan2021.whitelist" in done.stdout + done.stderr


def test_what_is_made_of_a_session_hangs_on_settings_and_not_on_the_number_of_sessions(workflow, tmp_path):
    five = {"sub-{01,02}/anat/{name}_echo-{1,2,3,4,5}_part-{mag,phase}_MEGRE": FIVE_ECHOES}
    run = workflow(make_bids_tree(tmp_path / "bids", five))
    planned = run.run("radiomics", options=("--dry-run",)).stdout
    assert "sub-01_rec-tv_desc-3TE_Chimap.nii.gz" in planned, "two sessions get the maps that five would have"
    for label in ("fiscone107", "yan874"):
        assert f"sub-01_rec-tv_desc-{label}_features.parquet" in planned
    config = {
        "papers": {"fiscone2023": {"include": False}},
        "radiomics": {"presets": {"yan874": {"gray_levels": [32]}}},
    }
    planned = run.run("radiomics", config=config, options=("--dry-run",)).stdout
    assert "desc-3TE" not in planned
    assert set(re.findall(r"desc-(\w+)_features.parquet", planned)) == {"yan874GL32"}


def test_the_workflow_draws_itself_from_its_own_configuration(workflow):
    run, figure = workflow(), "results/papers/zhang2022/figureS4.png"
    done = run.run(figure)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (run.folder / figure).stat().st_size > 0
