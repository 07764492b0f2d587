"""What the diagnosis stage and the study of Yan et al. 2021 read and make."""

from functools import lru_cache

from chiomics.phantom.oracle import oracle_table
from chiomics.diagnosis.planning.cost import say_cost
from chiomics.diagnosis.models import complete_settings, list_jobs, list_models
from chiomics.core.features.demographics import SITES
from chiomics.diagnosis.planning.participants import lacking_in_participants, variables_of
from chiomics.diagnosis.planning.tables import check_tables

YAN = config["papers"]["yan2021"]
#: Lists of features that models are confined to; what they hold is an input of the stage's first job.
WHITELISTS = []
for where, named in [("whitelist", YAN), *((f"models.{name}.whitelist", own) for name, own in YAN["models"].items())]:
    if named.get("whitelist"):
        named["whitelist"] = beside_snakefile(named["whitelist"])
        WHITELISTS.append(named["whitelist"])
        if not os.path.isfile(named["whitelist"]):
            raise WorkflowError(
                f"papers.yan2021.{where}; found {named['whitelist']}, no file; expected a file; "
                "paths start at the Snakefile's folder"
            )
YAN_SETTINGS = {key: value for key, value in YAN.items() if key not in ("include", "jobs_per_batch")}
YAN_MODELS = [
    f"results/diagnosis/models/{name}.json"
    for name, model in list_models(complete_settings(YAN_SETTINGS)).items()
    if model.main
]
YAN_TABLES = ("table1", "table2", "table3", "table4", "selection_counts", "enrolment", "clear_checklist", "left_out")
#: Figures that come from tables and one session; the workflow (3) beside them.
YAN_DRAWN = ("1", "2", "4", "5", "S1", "S2", "S3", "S4", "S5")
#: Tables of the diagnosis stage with their format.
EVALUATION_TABLES = dict.fromkeys(("predictions", "selected", "permutation"), ".parquet") | dict.fromkeys(
    (
        "performance",
        "delong",
        "confounding",
        "site",
        "selection_counts",
        "selection_stability",
        "roc",
        "calibration",
        "decision_curve",
    ),
    ".tsv",
)


def batches(kind):
    """Cut the evaluations or the permutations of all models into batches: lists of model, scheme and chunk."""
    jobs = list_jobs(complete_settings(YAN_SETTINGS))[kind]
    size = YAN["jobs_per_batch"]
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def jobs_of_batch(kind, wildcards):
    """Return the evaluations or permutations of one batch."""
    return [list(job) for job in batches(kind)[int(wildcards.batch)]]


def batch_files(kind, pattern):
    """Name a file of every batch."""
    return [pattern.format(batch=number) for number in range(len(batches(kind)))]


def effects_built_in(wildcards):
    """Return what the embedded cohort's recipe builds into each nucleus, and the best AUC that it allows."""
    rows = oracle_table(RECIPE) if SIMULATED else []
    rows = [row for row in rows if {row["group_1"], row["group_2"]} == set(YAN["groups"])]
    return [{"nucleus": row["nucleus"], "kind": row["kind"], "auc": float(row["auc_both"])} for row in rows]


def manifest_of_cohort(wildcards, input):
    """Return the manifest, which says who was left out and why; none where the cohort is a table."""
    return None if GIVEN_FEATURES else MANIFEST


def enrolment(wildcards):
    """Condense what the flow of participants reads of the manifest, which the main process writes."""
    return digest([[row["session"], row["status"], row["reason"], row.get("group")] for row in ROWS])


def phenotypes_of_yan2021(wildcards):
    """Condense the columns of participants that the study reads."""
    return phenotypes("group", *SITES, *variables_of(complete_settings(YAN_SETTINGS)))


def example_session():
    """Return the map and the nuclei of the first patient, for the picture of the regions."""
    positive = [row for row in anatomy_sessions() if row.get("group") == YAN["positive"]]
    if GIVEN_FEATURES or not positive or "nuclei" not in atlas_folders():
        return {}
    wildcards, results = wildcards_of(positive[0]), anatomy_results()
    found = {
        "nuclei": results["dgm_labels"].format(**wildcards),
        "nuclei_table": results["dgm_table"].format(**wildcards),
    }
    return found | {"chi": reference_chi(wildcards)[0]}


def yan2021_targets():
    """Return the tables, figures and models of Yan et al. 2021."""
    if lacking := lacking_for("yan2021"):  # even where it is forced into `all`: it would stop after all features
        raise WorkflowError(f"yan2021: this cohort cannot serve it: {lacking}")
    say_cost_of_yan2021()
    folder = "results/papers/yan2021"
    figures = [f"{folder}/figure{name}.png" for name in ("3", *YAN_DRAWN)]
    return [f"{folder}/README.md", *figures, *YAN_MODELS]


@lru_cache
def tables_for_yan2021():
    """Read the user's tables once, as the first job would, and keep what they lack and how large they are."""
    return check_tables(GIVEN_TABLES, YAN_SETTINGS, column_map_given())


@lru_cache
def say_cost_of_yan2021():
    """Say once about how long a large study takes; where images are measured, the preset has the paper's number."""
    if GIVEN_FEATURES:
        found = tables_for_yan2021()
        sessions, features = found.sessions, found.features
    else:
        sessions = sum(row.get("group") in YAN["groups"] for row in radiomics_sessions())
        features = 874 if YAN["preset"] == "yan874" else 0
    if said := say_cost(sessions, features, YAN_SETTINGS):
        logger.info(said)


def nuclei_sessions():
    """Return the sessions that may have deep grey nuclei."""
    return [row for row in radiomics_sessions() if row["input_kind"] != "chi_map" or row["voi_labels"]]


def lacking_nuclei(rows):
    """Say whether the atlas of nuclei is missing, and no session has labels of its own."""
    if "nuclei" in MISSING_ATLASES and not any(row["voi_labels"] for row in rows):
        return f"it reads deep grey nuclei, and their atlas {atlas_named('nuclei')} is missing"
    return ""


def lacking_for_yan2021():
    """Say what the cohort lacks for the study of diagnosis, nothing where it lacks nothing."""
    if GIVEN_FEATURES:
        return tables_for_yan2021().lacking
    rows = nuclei_sessions()
    if lacking := lacking_nuclei(rows):
        return lacking
    of_participants = [name for name in (rows[0] if rows else []) if name not in MANIFEST_COLUMNS]
    return lacking_in_participants(rows, YAN_SETTINGS, of_participants)


PAPER_RECORDS["yan2021"] = Paper(
    title="Yan 2021",
    wing="chiomics.diagnosis.yan2021",
    lacking=lacking_for_yan2021,
    targets=yan2021_targets,
    workflow_figure="figure3",
    presets={"yan874": {"echo_sets": ["all"]}},
    from_features=True,
)
