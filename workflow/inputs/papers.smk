"""Which papers this cohort can serve, and what an included paper asks of the stages before it."""

from glob import glob

from chiomics.core.feature_files import says_simulated

#: Features of one table in place of images: the whole cohort.
GIVEN_FEATURES = beside_snakefile(config["features"])
GIVEN_TABLES = [GIVEN_FEATURES] if GIVEN_FEATURES and "*" not in GIVEN_FEATURES else sorted(glob(GIVEN_FEATURES or ""))
if GIVEN_FEATURES and not GIVEN_TABLES:
    raise WorkflowError(f"features: no file has a name like {GIVEN_FEATURES}")
FROM_SIMULATED = SIMULATED or any(map(says_simulated, GIVEN_TABLES))
COHORT_NAME = GIVEN_FEATURES or ("the embedded simulated cohort" if SIMULATED else BIDS_DIR)

TITLES = {"fiscone2023": "Fiscone 2023", "yan2021": "Yan 2021"}
#: The figure of each paper that shows its steps.
WORKFLOW_FIGURES = {"fiscone2023": "figure1", "yan2021": "figure3"}

#: Echoes of the four reconstructions that Fiscone et al. 2023 compare; "all" is the fourth.
FISCONE_ECHO_SETS = {"3TE": [1, 3, 5], "2TE": [1, 5], "1TE": [5]}
#: What each paper reads of the radiomics stage.
PAPER_PRESETS = {
    "fiscone2023": {"fiscone107": {}},
    "yan2021": {"yan874": {"echo_sets": ["all"]}},
}
#: Fewer sessions give no intraclass correlation worth the name.
LEAST_SESSIONS = 5


def lacking_for_fiscone2023():
    """Say what the cohort lacks for the study of robustness, nothing where it lacks nothing."""
    sets = config["qsm"]["echo_sets"]
    wanted = FISCONE_ECHO_SETS if sets is None else sets
    echoes = min((max(numbers) for numbers in wanted.values()), default=None)
    if echoes is None:
        return "qsm.echo_sets is empty, and robustness compares reconstructions"
    able = [row for row in radiomics_sessions() if (row["n_echoes"] or 0) >= echoes]
    if len(able) < LEAST_SESSIONS:
        return f"{len(able)} sessions have the {echoes} echoes of a second reconstruction, {LEAST_SESSIONS} are needed"
    return ""


def lacking_for_yan2021():
    """Say what the cohort lacks for the study of diagnosis, nothing where it lacks nothing."""
    settings = config["papers"]["yan2021"]
    rows = [row for row in radiomics_sessions() if row["input_kind"] != "chi_map" or row["voi_labels"]]
    for group in settings["groups"]:
        members = {row["participant_id"] for row in rows if row.get("group") == group}
        if len(members) < settings["folds"]:
            return f"{len(members)} participants of group {group}, {settings['folds']} folds need as many"
    return ""


# Found once: what an included paper needs is filled into the configuration below.
LACKING = {"fiscone2023": lacking_for_fiscone2023(), "yan2021": lacking_for_yan2021()}


def included(paper):
    """Say whether a paper is part of `all`: by the configuration, or by what the cohort can serve."""
    choice = config["papers"][paper]["include"]
    if config["features"]:
        return choice != False
    return choice == True or (choice == "auto" and not LACKING[paper])


PAPERS = [paper for paper in LACKING if included(paper)]


def paper_targets(paper, files):
    """Give a paper's files, or stop with what the cohort lacks for it."""
    if paper not in PAPERS:
        lacking = LACKING[paper] or f"papers.{paper}.include is false"
        raise WorkflowError(f"{paper}: this cohort cannot serve it: {lacking}")
    return files


def log_papers():
    """Say which papers are left out of `all`, and why."""
    for paper in LACKING:
        if paper not in PAPERS:
            logger.info(f"{paper} is left out: {LACKING[paper] or f'papers.{paper}.include is false'}")


# What an included paper needs, where the configuration leaves it open.
if config["qsm"]["echo_sets"] is None:
    config["qsm"]["echo_sets"] = FISCONE_ECHO_SETS if "fiscone2023" in PAPERS else {}
if config["radiomics"]["presets"] is None:
    wanted = {name: options for paper in PAPERS for name, options in PAPER_PRESETS[paper].items()}
    config["radiomics"]["presets"] = wanted or PAPER_PRESETS["fiscone2023"]

if workflow.is_main_process:
    log_papers()


def cohort_features(wildcards=None):
    """Give the feature tables of the cohort, the user's or those of the radiomics stage."""
    if config["feature_columns"]:
        return ["results/robustness/features.parquet"]
    return GIVEN_TABLES or feature_tables()


def paper_files(wildcards):
    """Give the files of every paper that this cohort serves."""
    of_papers = {"fiscone2023": fiscone2023_targets, "yan2021": yan2021_targets}
    return [path for paper in PAPERS for path in of_papers[paper](wildcards)]
