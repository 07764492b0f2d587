"""Which papers this cohort can serve, and what papers ask of the stages before them."""

# Found once: what an included paper needs is filled into the configuration below.
# A table of features is read where a paper is asked for.
LACKING = {} if config["features"] else {key: paper.lacking() for key, paper in PAPER_RECORDS.items()}


def name_of_cohort(wildcards, input):
    """Return the data set's name, which Snakemake keeps no record of: a data set whose folder gets another name is the same."""
    return COHORT_NAME


def included(paper):
    """Return whether a paper is part of `all`: by the configuration, or by what the cohort can serve."""
    choice = config["papers"][paper]["include"]
    if config["features"]:
        return choice != False and PAPER_RECORDS[paper].from_features
    return (choice == True and not PAPER_RECORDS[paper].uninstalled()) or (choice == "auto" and not LACKING[paper])


PAPERS = [paper for paper in PAPER_RECORDS if included(paper)]


def why_left_out(paper):
    """Say why a paper is no part of `all`."""
    if config["features"] and not PAPER_RECORDS[paper].from_features:
        return "it reads images, and the cohort is a table of features"
    return LACKING.get(paper) or f"papers.{paper}.include is false"


def lacking_for(paper):
    """Say what the cohort lacks for a paper, nothing where it lacks nothing; jobs do not read a table for it."""
    if paper not in LACKING:
        LACKING[paper] = PAPER_RECORDS[paper].lacking() if workflow.is_main_process else ""
    return LACKING[paper]


def paper_targets(paper):
    """Return a paper's files, or stop with what the cohort lacks for it."""
    if paper not in PAPERS:
        raise BadInput(f"{paper}: this cohort cannot serve it: {why_left_out(paper)}")
    if config["papers"][paper]["include"] != True and (lacking := lacking_for(paper)):
        raise BadInput(f"{paper}: this cohort cannot serve it: {lacking}")
    return PAPER_RECORDS[paper].targets()


def files_of_paper(wildcards, paper):
    """Return a paper's files to the rule that its key names."""
    return paper_targets(paper)


def paper_files(wildcards):
    """Return the files of every paper that this cohort serves."""
    served = [paper for paper in PAPERS if config["papers"][paper]["include"] == True or not lacking_for(paper)]
    if workflow.is_main_process and config["features"]:
        for paper in PAPERS:
            if paper not in served:
                logger.info(f"{paper} is left out: {lacking_for(paper)}")
        if PAPERS and not served:
            raise BadInput("no paper can start from these tables: " + "; ".join(sorted(set(LACKING.values()))))
    return [path for paper in served for path in paper_targets(paper)]


def look_at_papers_asked_for():
    """Stop with what the cohort lacks for a paper that is asked for, before Snakemake wraps it in words of its own."""
    asked = workflow.dag_settings.targets or {"all"}
    for paper in PAPER_RECORDS:
        if paper in asked:
            paper_targets(paper)
    if "all" in asked:
        paper_files(None)


def settings_asked_for(name):
    """Merge what papers ask of an earlier stage where the configuration leaves it open.

    Those that the configuration leaves out ask for nothing. Whether the cohort serves the others does not matter: what is
    made of a session must not hang on how many others there happen to be.
    """
    asking = [paper for paper in PAPER_RECORDS if config["papers"][paper]["include"] != False]
    return {key: value for paper in asking for key, value in getattr(PAPER_RECORDS[paper], name).items()}


if config["qsm"]["echo_sets"] is None:
    config["qsm"]["echo_sets"] = settings_asked_for("echo_sets")
    waiting = [paper for paper, record in PAPER_RECORDS.items() if record.echo_sets and paper not in PAPERS]
    if workflow.is_main_process and waiting and any(len(echo_sets_of(row)) > 1 for row in qsm_sessions()):
        logger.info(
            f"maps of echo sets {', '.join(config['qsm']['echo_sets'])} are made for {', '.join(waiting)}, which more "
            "sessions may add without changing these; qsm.echo_sets: {} makes none"
        )
if config["radiomics"]["presets"] is None:
    config["radiomics"]["presets"] = settings_asked_for("presets") or PAPER_RECORDS["fiscone2023"].presets

if workflow.is_main_process:
    BEFORE_PLANS.append(look_at_papers_asked_for)
    log_skipped_echo_sets()
    for paper in PAPER_RECORDS:
        if paper not in PAPERS:
            logger.info(f"{paper} is left out: {why_left_out(paper)}")
