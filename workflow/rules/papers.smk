"""Which papers this cohort can serve, and what an included paper asks of the stages before it."""

#: Echoes of the four reconstructions that Fiscone et al. 2023 compare; "all" is the fourth.
FISCONE_ECHO_SETS = {"3TE": [1, 3, 5], "2TE": [1, 5], "1TE": [5]}
#: What each paper reads of the radiomics stage.
PAPER_PRESETS = {
    "fiscone2023": {"fiscone107": {}},
    "yan2021": {"yan874": {"echo_sets": ["all"]}},
}
#: Fewer sessions give no intraclass correlation worth the name.
LEAST_SESSIONS = 5


def with_regions(rows):
    """Keep the sessions that have regions to read features in: the anatomy stage's, or the user's own."""
    return [row for row in rows if row["magnitude"] or row["real"] or row["voi_labels"]]


def lacking_for_fiscone2023():
    """Say what the cohort lacks for the study of robustness, nothing where it lacks nothing."""
    sets = config["qsm"]["echo_sets"]
    wanted = FISCONE_ECHO_SETS if sets is None else sets
    echoes = min((max(numbers) for numbers in wanted.values()), default=None)
    if echoes is None:
        return "qsm.echo_sets is empty, and robustness compares reconstructions"
    able = [row for row in with_regions(SESSIONS.values()) if (row["n_echoes"] or 0) >= echoes]
    if len(able) < LEAST_SESSIONS:
        return f"{len(able)} sessions have the {echoes} echoes of a second reconstruction, {LEAST_SESSIONS} are needed"
    return ""


def lacking_for_yan2021():
    """Say what the cohort lacks for the study of diagnosis, nothing where it lacks nothing."""
    settings = config["papers"]["yan2021"]
    rows = [row for row in with_regions(SESSIONS.values()) if row["input_kind"] != "chi_map" or row["voi_labels"]]
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
