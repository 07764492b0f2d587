"""Reads the manifest, and names the sessions and files that the rules share."""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from glob import glob

from chiomics.core.bids import build_name
from chiomics.core.features.simulated import says_simulated
from chiomics.core.logs import start_log
from chiomics.core.origin import share_of_simulated
from chiomics.core.papers import Paper
from chiomics.index import index_files, read_manifest, update_manifest, write_manifest
from chiomics.index.manifest import COLUMNS as MANIFEST_COLUMNS
from chiomics.index.manifest import REFUSED_LESIONS, STRUCTURAL_ALONE, manifest_text, parse_manifest
from chiomics.index.names import snakemake_words_in
from chiomics.index.rim_ratings import RATINGS, read_rim_ratings, write_rim_ratings
from chiomics.phantom import list_sessions, load_recipe
from chiomics.study.causes import digest, same_inputs
import snakemake.persistence
from snakemake.iocontainers import Wildcards
from snakemake.logging import logger

MANIFEST = "results/manifest.tsv"
#: Set by a job that asks this workflow for its graph: it changes no file of the run that the job is part of.
KEEP_MANIFEST = "CHIOMICS_KEEP_MANIFEST"
RIM_RATINGS = "results/rim_ratings.tsv"
COHORT = "results/phantom"
SIMULATED = config["bids_dir"] is None and config["features"] is None

BIDS_DIR = COHORT if SIMULATED else beside_snakefile(config["bids_dir"])
for key, folder in (
    *((key, beside_snakefile(config[key])) for key in ("bids_dir", "features")),
    ("the path of the results", os.getcwd()),
):
    if meant := snakemake_words_in(folder or ""):
        raise BadInput(
            f"{key} holds {meant}; found {folder}; expected a path without: rename the folder, or make a link to it"
        )
if config["features"] and config["bids_dir"]:
    raise BadInput("both features and bids_dir are given: a paper starts from one of them")


with bad_input_explained():
    RECIPE = load_recipe(config["phantom"]) if SIMULATED else None
    SUBJECTS = list_sessions(RECIPE) if SIMULATED else []

#: What real brains are labelled by, where the configuration names nothing else.
PUBLIC_ATLASES = {"nuclei": "allen2020", "tracts": "hcp842"}
#: What the last run found of atlases that cannot be downloaded, for its jobs and for plans.
ATLAS_RECORD = "results/atlases/missing.json"
#: Options of Snakemake that plan, report or draw: with them nothing is downloaded or written below results.
READING = {
    *(
        "--report",
        "--summary",
        "-S",
        "--detailed-summary",
        "-D",
        "--list-changes",
        "--lint",
        "--list-rules",
        "--unlock",
    ),
    *("--dag", "--rulegraph", "--filegraph", "--d3dag", "--list-target-rules", "--list-untracked", "--archive"),
}
#: Targets that read no atlas.
WITHOUT_ATLAS = {"phantom", "qsm", "prune"}


def atlas_named(kind):
    """Return the atlas of a kind that the configuration means: a name of the catalogue, a folder, or none."""
    named = config["anatomy"][kind]["atlas"]
    if named != "auto":
        return named
    return f"{COHORT}/derivatives/atlas/{kind}" if SIMULATED else PUBLIC_ATLASES[kind]


def fetched_atlas(kind):
    """Return the folder into which an atlas of the catalogue is fetched; none for one of the user's or the cohort's."""
    is_of_catalogue = re.fullmatch(r"[a-z0-9]+", atlas_named(kind) or "") is not None
    return f"results/atlases/fetched/{atlas_named(kind)}" if is_of_catalogue else None


def is_reading():
    """Return whether Snakemake was asked to plan, report or draw alone."""
    return workflow.output_settings.dryrun or any(word.partition("=")[0] in READING for word in sys.argv)


def find_missing_atlases():
    """Return which atlases cannot be had, each with the reason; a plan asks no network."""
    from chiomics.anatomy.atlases.fetch import default_cache, missing_atlases

    wanted = {kind: atlas_named(kind) for kind in PUBLIC_ATLASES if fetched_atlas(kind)}
    wanted = {kind: named for kind, named in wanted.items() if not os.path.isdir(fetched_atlas(kind))}
    targets = set(getattr(workflow.dag_settings, "targets", None) or ())
    download = not is_reading() and not (targets and targets <= WITHOUT_ATLAS)
    cache = beside_snakefile(config["anatomy"]["atlas_cache"]) or default_cache()
    return missing_atlases(wanted, cache, record=ATLAS_RECORD, download=download)


FOLDER = r"sub-[a-zA-Z0-9+]+(/ses-[a-zA-Z0-9+]+)?"


wildcard_constraints:
    folder=FOLDER,
    subject=r"sub-[a-zA-Z0-9+]+(_ses-[a-zA-Z0-9+]+)?",
    run=r"(_run-[0-9]+)?",
    participant=r"sub-[a-zA-Z0-9+]+",
    echo_set=r"[a-zA-Z0-9]+",


# What a preset chooses where the configuration leaves it open: the best measured, and what the papers did.
PRESET_CHOICES = {
    "default": {"inversions": ["tv"], "data_weights": True},
    "published": {"inversions": ["ilsqr"], "data_weights": False},
}
for key, choice in PRESET_CHOICES[config["qsm"]["preset"]].items():
    if config["qsm"][key] is None:
        config["qsm"][key] = choice

if config["anatomy"]["registration"]["preset"] == "auto":
    config["anatomy"]["registration"]["preset"] = "fast" if SIMULATED else "accurate"
# The network was trained on real heads and costs more than it gives on simulated ones, which are as large as the template.
if SIMULATED and config["anatomy"]["brain_extraction"] == "auto":
    config["anatomy"]["brain_extraction"] = "template"
if config["anatomy"]["brain_volume"] is None:
    config["anatomy"]["brain_volume"] = [0.9, 2.5] if SIMULATED else [0.9, 2.0]

# Where a job remembers that a session's voxels cannot be used, and the settings under which that holds.
ON_FAILURE = {
    "failed_dir": "results/qc/failed",
    "settings": {
        key: config["qsm"][key]
        for key in ("brain_mask", "brain_volume", "preset", "phase", "phase_scale", "phase_sign", "bipolar")
    },
}
# What the anatomy stage reads for a session: neither the cohort's atlas of χ nor where atlases are kept.
ANATOMY = {key: value for key, value in config["anatomy"].items() if key not in ("chi_atlas", "atlas_cache")}
# The same for what the anatomy stage finds; other settings of it re-run no susceptibility map.
ANATOMY_ON_FAILURE = ON_FAILURE | {"settings": {"anatomy": ANATOMY}, "stage": "anatomy"}
# What the radiomics stage reads for a session; the reference is an input.
RADIOMICS = {key: config["radiomics"][key] for key in ("presets", "engine", "isolated_voxels")}
RADIOMICS_ON_FAILURE = ON_FAILURE | {
    "settings": {"radiomics": RADIOMICS | {"reference": config["radiomics"]["reference"]}}
}
# What the stage rims reads of a session's lesions.
RIMS_ON_FAILURE = ON_FAILURE | {"settings": {"rims": config["rims"]["lesions"]}, "stage": "rims"}

#: What the main process writes below results once it knows that jobs run, and that it does not only plan or report.
DEFERRED: list[Callable[[], object]] = [link_package] if INSTALLED and IN_CONDA else []
#: What it looks at before jobs are planned.
BEFORE_PLANS: list[Callable[[], object]] = []
#: The raters' calls by session, checked; the main process alone needs them.
RATINGS_OF_SESSION = defaultdict(list)


def index_cohort():
    """Index the input; the simulated cohort's files are foretold by its recipe."""
    if SIMULATED:
        files = [path for subject in SUBJECTS for path in subject.files]
        constants = {subject.participant_id: vars(subject) for subject in SUBJECTS}
        rows = index_files(files, [subject.participant for subject in SUBJECTS], constants=constants)
        rows = [row | {"simulated": "true"} for row in rows]
        DEFERRED.append(partial(write_manifest, rows, MANIFEST))
    else:
        of_stages = (ON_FAILURE, ANATOMY_ON_FAILURE, RADIOMICS_ON_FAILURE, RIMS_ON_FAILURE)
        settings = {key: value for one in of_stages for key, value in one["settings"].items()}
        options = config["index"] | {"failed_dir": ON_FAILURE["failed_dir"], "settings": settings}
        options |= {key: beside_snakefile(options[key]) for key in ("qc_exclude", "qc_accept")}
        missing = find_missing_atlases()
        for kind, reason in missing.items():
            logger.warning(f"{kind} are not made, everything else is, and a later run makes them: {reason}")
        # What goes into the results names no folder of this machine.
        said = f"is not at hand; {ATLAS_RECORD} and the run's log say which files to put where"
        options["without"] = {kind: f"the atlas {atlas_named(kind)} {said}" for kind in missing}
        rows = update_manifest(
            BIDS_DIR, MANIFEST, on_bad_session=config["on_bad_session"], deferred=DEFERRED, **options
        )
        table = os.path.join(BIDS_DIR, RATINGS)
        ratings = read_rim_ratings(table, rows) if os.path.isfile(table) else None
        DEFERRED.append(partial(write_rim_ratings, ratings, RIM_RATINGS))
        for rating in ratings or []:
            RATINGS_OF_SESSION[rating["session"]].append(rating)
    return parse_manifest(manifest_text(rows))


def prepare_execution(execute):
    """Let Snakemake write below results where it executes, not where it plans, reports or draws graphs."""

    def write_and_execute(*arguments, **options):
        for look in BEFORE_PLANS:
            look()
        plugin = options.get("executor_plugin", workflow.executor_plugin)
        if not (workflow.output_settings.dryrun or plugin.common_settings.dryrun_exec):
            if not plugin.common_settings.local_exec:
                ask_for_no_account_where_none_are_kept()
            # Snakemake's limit of 100 jobs per second wakes its scheduler once per second for every job that has ended,
            # for good: 5 CPU minutes in 118 jobs, and the square of it in larger cohorts. A limit by the user stays.
            limit = workflow.scheduling_settings.max_jobs_per_timespan
            if limit and (limit.max_jobs, limit.timespan) == (100, 1):
                workflow.scheduling_settings.max_jobs_per_timespan = None
            with bad_input_explained():
                for write in DEFERRED:
                    write()
        return execute(*arguments, **options)

    return write_and_execute


def ignore_moved_input():
    """Let Snakemake's comparison of a job's inputs pass over a data set that was moved as a whole."""
    records = getattr(snakemake.persistence, "PersistenceBase", None)
    changed = getattr(records, "_input_changed", None)
    if SIMULATED or config["features"] or changed is None:
        return

    def changed_beside_its_place(self, job, file=None):
        return changed(self, job, file=file) and not same_inputs(self.input(file), self._input(job), BIDS_DIR)

    records._input_changed = changed_beside_its_place


# Jobs are started with this same file, on other machines too: only the main process indexes.
if config["features"]:
    ROWS = []
elif workflow.is_main_process and KEEP_MANIFEST not in os.environ:
    start_log()
    with bad_input_explained():
        ROWS = index_cohort()
else:
    ROWS = read_manifest(MANIFEST)
if workflow.is_main_process and KEEP_MANIFEST not in os.environ:
    workflow.execute = prepare_execution(workflow.execute)
    ignore_moved_input()
SESSIONS = {row["session"]: row for row in ROWS if row["status"] == "included"}
#: Kinds of atlas that this run cannot have, by what the index said of its sessions.
MISSING_ATLASES = {kind for row in SESSIONS.values() for kind in row["without"] if kind in PUBLIC_ATLASES}
#: Sessions without GRE or χ map, of which the anatomy stage alone serves the T1w and the FLAIR.
STRUCTURAL_SESSIONS = {row["session"]: row for row in ROWS if row["status"] == STRUCTURAL_ALONE}


@cache
def derivative(suffix, extension=".nii.gz", datatype="anat", **entities):
    """Name a derivative, with the wildcards folder, subject and run for the session."""
    name = build_name(suffix, extension, sub="SUBJECT", run="RUN", **entities)
    name = name.replace("sub-SUBJECT", "{subject}").replace("_run-RUN", "{run}")
    return f"results/{{folder}}/{datatype}/{name}"


def intermediate(paths):
    """Mark outputs that are deleted once nobody in the run needs them, unless the configuration keeps them."""
    if config["keep_intermediates"]:
        return paths
    return [temp(path) for path in paths] if isinstance(paths, list) else temp(paths)


def job_file(kind, rule_name, extension):
    """Name the log or benchmark file of a rule that runs once per session."""
    return f"results/{kind}/{{folder}}/{{subject}}{{run}}_{rule_name}{extension}"


def session_wildcards(row):
    """Return the wildcards that name a session's files."""
    parts = [row["participant_id"], row["session_id"]]
    return {
        "folder": "/".join(filter(None, parts)),
        "subject": "_".join(filter(None, parts)),
        "run": f"_run-{row['run']}" if row["run"] else "",
    }


def wildcards_of(row):
    """Return what an input function takes for a session."""
    return Wildcards(fromdict=session_wildcards(row))


def session_of(wildcards):
    """Return the manifest's row of a job."""
    key = wildcards.subject + wildcards.run
    return SESSIONS[key] if key in SESSIONS else STRUCTURAL_SESSIONS[key]


def is_simulated(wildcards):
    """Return whether a job's session is of a simulated subject."""
    return bool(session_of(wildcards)["simulated"])


def inputs_of(wildcards, column):
    """Return the paths in one column of a session's row, none where it is empty."""
    paths = session_of(wildcards)[column] or []
    return [os.path.join(BIDS_DIR, path) for path in ([paths] if isinstance(paths, str) else paths)]


#: Columns of the manifest that name a session's files.
FILE_COLUMNS = (
    *("magnitude", "phase", "real", "imaginary", "T1w", "FLAIR", "dwi", "bval", "bvec", "T1w_mask", "brain_mask"),
    *("lesion_mask", "lesion_labels", "tissue_labels", "chi_map", "voi_labels"),
)


def own_label_tables(wildcards):
    """Return the tables beside the user's own label images, which name their labels."""
    images = inputs_of(wildcards, "voi_labels") + inputs_of(wildcards, "lesion_labels")
    tables = [re.sub(r"\.nii(\.gz)?$", ".tsv", path) for path in images]
    return [path for path in tables if os.path.isfile(path)]


def raw_files(wildcards):
    """Return all files of the user's that a session is read from."""
    images = [path for column in FILE_COLUMNS for path in inputs_of(wildcards, column)]
    return images + own_label_tables(wildcards)


def raw_files_unrecorded(wildcards, input):
    """Return the same to a record of failure: which they are is no cause to run again, that is what inputs are for."""
    return raw_files(wildcards)


def phenotypes(*columns):
    """Condense what participants.tsv says in some columns, for group stages: another column is no cause to run again."""
    wanted = {name.casefold().replace(" ", "_") for name in columns}
    found = [
        name
        for name in (ROWS[0] if ROWS else ())
        if name not in MANIFEST_COLUMNS and name.casefold().replace(" ", "_") in wanted
    ]
    return digest([[row["session"], *(row[name] for name in found)] for row in SESSIONS.values()], found)


def failure_records():
    """List the records of failed jobs, each with its time."""
    return {path: os.stat(path).st_mtime_ns for path in glob(os.path.join(ON_FAILURE["failed_dir"], "*.json"))}


RECORDS_BEFORE = failure_records() if workflow.is_main_process else {}


def go_on_without_failed():
    """Run again without the sessions that failed in this run, so that the others' tables and pages are made in it."""
    new = failure_records().items() - RECORDS_BEFORE.items()
    settings = workflow.execution_settings
    if not new or SIMULATED or config["on_bad_session"] != "exclude" or not settings.keep_going:
        return
    names = ", ".join(sorted(os.path.basename(path).removesuffix(".json") for path, _ in new))
    logger.warning(f"the run goes on without {len(new)} sessions that failed: {names}")
    again = [argument for argument in sys.argv[1:] if argument != "--nolock"]
    subprocess.run([sys.executable, "-m", "snakemake", "--nolock", *again], check=False, cwd=workflow.rundir)


def voxels_of(wildcards):
    """Count the voxels of one echo of a session."""
    nx, ny, nz = session_of(wildcards)["shape"]
    return nx * ny * nz


def threads_for_size(wildcards):
    """Return large images more threads: below two million voxels starting them costs more than they save."""
    return 4 if voxels_of(wildcards) > 2_000_000 else 1


#: What a job takes before it holds an image: imports, and on a cluster two processes of Snakemake around it.
MIN_MEGABYTES = 1200


def megabytes_for_size(wildcards, attempt, copies):
    """Memory of a job that holds `copies` float32 volumes of the session's size, more at every retry."""
    return int(attempt * (MIN_MEGABYTES + copies * voxels_of(wildcards) * 4 / 1e6))


def minutes_for_size(wildcards, attempt, minutes_per_megavoxel):
    """Run time with a margin, more at every retry."""
    return int(attempt * (10 + minutes_per_megavoxel * voxels_of(wildcards) / 1e6))


def in_one_job(row):
    """Return whether a session is small enough for one job to take all steps of a stage."""
    nx, ny, nz = row["shape"]
    return nx * ny * nz < config["one_job_below"]


#: Rules that write files of some sessions alone, where others write the same names; the keys of these sessions by rule.
SERVED = {}


def serve_only(rule_names, rows):
    """Note that rules write files of these sessions alone; a pattern that lists them would be tried for every file."""
    if len(rows) < len(SESSIONS):
        keys = frozenset(row["session"] for row in rows)
        SERVED.update({workflow.modifier.modify_rulename(name): keys for name in rule_names})


def has_anatomy(row):
    """Return whether the anatomy stage maps a session: it takes a magnitude to register, and no earlier failure."""
    return "anatomy" not in row["without"] and bool(row["magnitude"] or row["real"])


def radiomics_sessions():
    """Return the sessions that have volumes of interest."""
    return [row for row in SESSIONS.values() if row["voi_labels"] or has_anatomy(row)]


#: Features of one table in place of images: the whole cohort.
GIVEN_FEATURES = beside_snakefile(config["features"])
GIVEN_TABLES = [GIVEN_FEATURES] if GIVEN_FEATURES and "*" not in GIVEN_FEATURES else sorted(glob(GIVEN_FEATURES or ""))
if GIVEN_FEATURES and not GIVEN_TABLES:
    raise BadInput(f"features: no file has a name like {GIVEN_FEATURES}")
for named in ("features", "feature_columns"):
    given = beside_snakefile(config[named])
    if given and "*" not in given and not os.path.exists(given):
        raise BadInput(f"{named}: there is no such file; found nothing at {given}; expected a file that is there")


@cache
def column_map_given():
    """Read the map of the columns of a table under other names, nothing where there is none."""
    if not config["feature_columns"]:
        return None
    from chiomics.core.features.wide import read_column_map

    with bad_input_explained():
        return read_column_map(beside_snakefile(config["feature_columns"]))


#: Whether the data are of simulated subjects or, in words, how many: pictures, tables and texts of the cohort say so.
FROM_SIMULATED = share_of_simulated(row["simulated"] for row in (SESSIONS | STRUCTURAL_SESSIONS).values())
if GIVEN_TABLES:
    FROM_SIMULATED = share_of_simulated(map(says_simulated, GIVEN_TABLES), "tables of features")
config["simulated"] = FROM_SIMULATED  # for the report's front page
#: What tables and models name as their source: they are given away, so that no folder of this machine is in them.
COHORT_NAME = "the embedded simulated cohort" if SIMULATED else os.path.basename(GIVEN_FEATURES or BIDS_DIR)

#: One record per paper, by its key; the inputs file of its stage adds it.
PAPER_RECORDS = {}


def supplementary_figures(names):
    """Return the supplementary figures of a paper: its page shows them, and the report, one file, does without."""
    return [name for name in names if name.startswith("S")]


def main_figures(names):
    """Return the other figures, which the report holds."""
    return [name for name in names if not name.startswith("S")]
