"""Reads the manifest, and names the sessions and files that the rules share."""

import os
import re
from collections import defaultdict
from contextlib import contextmanager
from functools import partial

from chiomics.core.bids import build_name
from chiomics.core.errors import InputError
from chiomics.core.logs import start_log
from chiomics.index import (
    index_files,
    read_manifest,
    update_manifest,
    write_manifest,
)
from chiomics.phantom import list_sessions, load_recipe
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

MANIFEST = "results/manifest.tsv"
COHORT = "results/phantom"
SIMULATED = config["bids_dir"] is None


def beside_snakefile(path):
    """Resolve a path of the configuration, so that --directory moves the results and not the input."""
    return path and os.path.normpath(os.path.join(workflow.basedir, path))


BIDS_DIR = COHORT if SIMULATED else beside_snakefile(config["bids_dir"])


@contextmanager
def bad_input_explained():
    """Let bad input stop the workflow with its message alone, without the calls that led there."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error)) from None


with bad_input_explained():
    RECIPE = load_recipe(config["phantom"]) if SIMULATED else None
    SUBJECTS = list_sessions(RECIPE) if SIMULATED else []

# Jobs find the package in this checkout, in the one pip environment and in conda environments alike.
SOURCE = os.path.join(workflow.basedir, "src")
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")])))


wildcard_constraints:
    folder=r"sub-[a-zA-Z0-9+]+(/ses-[a-zA-Z0-9+]+)?",
    subject=r"sub-[a-zA-Z0-9+]+(_ses-[a-zA-Z0-9+]+)?",
    run=r"(_run-[0-9]+)?",
    participant=r"sub-[a-zA-Z0-9+]+",


# What decides whether a session's voxels can be used: one that failed under other settings is tried again.
FIRST_READ = {key: config["qsm"][key] for key in ("phase_scale", "phase_sign")}
FAILED_DIR = "results/qc/failed"


def write_cohort_manifest():
    """Index the input; the simulated cohort's files are foretold by its recipe."""
    if SIMULATED:
        files = [path for subject in SUBJECTS for path in subject.files]
        constants = {subject.participant_id: vars(subject) for subject in SUBJECTS}
        rows = index_files(files, [subject.participant for subject in SUBJECTS], constants=constants)
        write_manifest(rows, MANIFEST)
    else:
        options = config["index"] | {"failed_dir": FAILED_DIR, "settings": FIRST_READ}
        options["qc_exclude"] = beside_snakefile(options["qc_exclude"])
        update_manifest(BIDS_DIR, MANIFEST, on_bad_session=config["on_bad_session"], **options)


# Jobs are started with this same file, on other machines too: only the main process indexes.
if workflow.is_main_process:
    start_log()
    with bad_input_explained():
        write_cohort_manifest()

SESSIONS = {row["session"]: row for row in read_manifest(MANIFEST) if row["status"] == "included"}


def derivative(suffix, extension=".nii.gz", datatype="anat", **entities):
    """Name a derivative, with the wildcards folder, subject and run for the session."""
    name = build_name(suffix, extension, sub="SUBJECT", run="RUN", **entities)
    name = name.replace("sub-SUBJECT", "{subject}").replace("_run-RUN", "{run}")
    return f"results/{{folder}}/{datatype}/{name}"


def job_file(kind, rule_name, extension):
    """Name the log or benchmark file of a rule that runs once per session."""
    return f"results/{kind}/{{folder}}/{{subject}}{{run}}_{rule_name}{extension}"


def session_wildcards(row):
    """Give the wildcards that name a session's files."""
    parts = [row["participant_id"], row["session_id"]]
    return {
        "folder": "/".join(filter(None, parts)),
        "subject": "_".join(filter(None, parts)),
        "run": f"_run-{row['run']}" if row["run"] else "",
    }


def session_of(wildcards):
    """Give the manifest's row of a job."""
    return SESSIONS[wildcards.subject + wildcards.run]


def inputs_of(wildcards, column):
    """Give the paths in one column of a session's row, none where it is empty."""
    paths = session_of(wildcards)[column] or []
    return [os.path.join(BIDS_DIR, path) for path in ([paths] if isinstance(paths, str) else paths)]


def voxels_of(wildcards):
    """Count the voxels of one echo of a session."""
    nx, ny, nz = session_of(wildcards)["shape"]
    return nx * ny * nz


def threads_for_size(wildcards):
    """Give large images more threads: below two million voxels starting them costs more than they save."""
    return 4 if voxels_of(wildcards) > 2_000_000 else 1


def megabytes_for_size(wildcards, copies):
    """Memory of a job that holds `copies` float32 volumes of the session's size, above what imports take."""
    return int(600 + copies * voxels_of(wildcards) * 4 / 1e6)


def minutes_for_size(wildcards, attempt, minutes_per_megavoxel):
    """Run time with a margin, more at every retry."""
    return int(attempt * (10 + minutes_per_megavoxel * voxels_of(wildcards) / 1e6))


def phantom_files(participant):
    """Name the files of one simulated subject, which are the same for all but the participant."""
    return [
        f"{COHORT}/{path}".replace(subject.participant_id, participant)
        for subject in SUBJECTS[:1]
        for path in (*subject.files, *subject.truth_files)
    ]


def phantom_targets():
    """Give the files of the simulated cohort."""
    of_subjects = [path for subject in SUBJECTS for path in phantom_files(subject.participant_id)]
    return of_subjects + [f"{COHORT}/participants.tsv"] if SIMULATED else []


def gre_files(wildcards):
    """Give a session's gradient-echo images by the part that they hold."""
    return {part: inputs_of(wildcards, part) for part in ("magnitude", "phase", "real", "imaginary")}


def gre_parameters(wildcards):
    """Give what a job has to know of a session's acquisition."""
    row = session_of(wildcards)
    known = {
        "kind": row["input_kind"],
        "echo_times": row["echo_times"],
        "field_strength": row["field_strength"],
    }
    return known | FIRST_READ


def echo_sets_of(row):
    """Give the configured echo sets that a session can serve, as echo numbers from 1; "all" always exists."""
    echoes = [1] if row["input_kind"] == "phase_difference" else list(range(1, row["n_echoes"] + 1))
    configured = config["qsm"]["echo_sets"].items()
    return {"all": echoes} | {name: numbers for name, numbers in configured if set(numbers) <= set(echoes)}


def echo_sets_of_job(wildcards):
    """Give the echo sets of a job's session."""
    return echo_sets_of(session_of(wildcards))


def has_r2star(row):
    """Say whether R2* can be fitted: it takes three echoes."""
    return row["input_kind"] != "phase_difference" and row["n_echoes"] >= 3


def in_one_job(row):
    """Say whether a session is small enough for one job to take all steps of a stage."""
    nx, ny, nz = row["shape"]
    return nx * ny * nz < config["one_job_below"]


def qsm_sessions():
    """Give the sessions with phase; those with nothing but a susceptibility map start after this stage."""
    return [row for row in SESSIONS.values() if row["input_kind"] != "chi_map"]


def qsm_groups():
    """Group the sessions by what the rules of the QSM stage write for them, since a rule's outputs are fixed.

    One group in most cohorts. Gives for each the suffix of its rules' names, the names of its echo sets, whether R2* can
    be fitted, whether one job takes all steps, and a pattern for the folder wildcard.
    """
    groups = defaultdict(list)
    for row in qsm_sessions():
        groups[tuple(echo_sets_of(row)), has_r2star(row), in_one_job(row)].append(row)
    for number, ((sets, r2star, one_job), rows) in enumerate(groups.items(), start=1):
        yield (f"_{number}" if len(groups) > 1 else ""), sets, r2star, one_job, folder_pattern(rows)


def folder_pattern(rows):
    """Write a pattern for the folder wildcard that holds for these sessions and runs only."""
    names = [session_wildcards(row) for row in rows]
    return "|".join(re.escape(name["folder"]) + (f"(?=/.*{name['run']}[_.])" if name["run"] else "") for name in names)


def qsm_results(sets, r2star):
    """Name what the QSM stage keeps for a session with these echo sets."""
    maps = [(inversion, name) for inversion in config["qsm"]["inversions"] for name in sets]
    paths = {
        "brain_mask": derivative("mask", desc="brain"),
        "brain_sidecar": derivative("mask", ".json", desc="brain"),
        "local_fields": [derivative("fieldmap", desc=name) for name in sets],
        "field_sidecars": [derivative("fieldmap", ".json", desc=name) for name in sets],
        "weights": derivative("weights", desc="local"),
        "mask": derivative("mask", desc="qsm"),
        "maps": [derivative("Chimap", rec=inversion, desc=name) for inversion, name in maps],
        "map_sidecars": [derivative("Chimap", ".json", rec=inversion, desc=name) for inversion, name in maps],
        "reference_mask": derivative("mask", desc="reference"),
    }
    return paths | ({"r2star": derivative("R2starmap")} if r2star else {})


def qsm_targets():
    """Give the files that the QSM stage makes for the cohort."""
    targets = []
    for row in qsm_sessions():
        results = qsm_results(echo_sets_of(row), has_r2star(row))
        targets += [path.format(**session_wildcards(row)) for path in [*results["maps"], QSM_FIGURE]]
    return targets


def qsm_figure():
    """Name the picture of a session, as it goes into the report."""
    return report(QSM_FIGURE, caption="../report/qsm.rst", category="QSM", labels={"session": "{subject}{run}"})


def log_skipped_echo_sets():
    """Say which sessions lack the echoes of a configured set."""
    for name, numbers in config["qsm"]["echo_sets"].items():
        without = [row["session"] for row in qsm_sessions() if name not in echo_sets_of(row)]
        if without:
            shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
            logger.info(f"echo set {name} {numbers} is skipped for {len(without)} sessions with fewer echoes: {shown}")


QSM_FIGURE = "results/qc/{folder}/{subject}{run}_qsm.png"
QSM_SETTINGS = (
    "brain_mask",
    "preset",
    "phase",
    "bipolar",
    "inversions",
    "parameters",
    "data_weights",
    "reference",
    "backend",
)

if workflow.is_main_process:
    log_skipped_echo_sets()
