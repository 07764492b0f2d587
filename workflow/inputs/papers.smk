"""Which papers this cohort can serve, and what an included paper asks of the stages before it."""

# Found once: what an included paper needs is filled into the configuration below.
LACKING = {key: paper.lacking() for key, paper in PAPER_RECORDS.items()}


def included(paper):
    """Return whether a paper is part of `all`: by the configuration, or by what the cohort can serve."""
    choice = config["papers"][paper]["include"]
    if config["features"]:
        return choice != False and PAPER_RECORDS[paper].from_features
    return choice == True or (choice == "auto" and not LACKING[paper])


PAPERS = [paper for paper in PAPER_RECORDS if included(paper)]


def why_left_out(paper):
    """Say why a paper is no part of `all`."""
    if config["features"] and not PAPER_RECORDS[paper].from_features:
        return "it reads images, and the cohort is a table of features"
    return LACKING[paper] or f"papers.{paper}.include is false"


def paper_targets(paper):
    """Return a paper's files, or stop with what the cohort lacks for it."""
    if paper not in PAPERS:
        raise WorkflowError(f"{paper}: this cohort cannot serve it: {why_left_out(paper)}")
    return PAPER_RECORDS[paper].targets()


def files_of_paper(wildcards, paper):
    """Return a paper's files to the rule that its key names."""
    return paper_targets(paper)


def paper_files(wildcards):
    """Return the files of every paper that this cohort serves."""
    return [path for paper in PAPERS for path in paper_targets(paper)]


def settings_asked_for(name):
    """Merge what the included papers ask of an earlier stage where the configuration leaves it open."""
    return {key: value for paper in PAPERS for key, value in getattr(PAPER_RECORDS[paper], name).items()}


if config["qsm"]["echo_sets"] is None:
    config["qsm"]["echo_sets"] = settings_asked_for("echo_sets")
if config["radiomics"]["presets"] is None:
    config["radiomics"]["presets"] = settings_asked_for("presets") or PAPER_RECORDS["fiscone2023"].presets

if workflow.is_main_process:
    log_skipped_echo_sets()
    for paper in PAPER_RECORDS:
        if paper not in PAPERS:
            logger.info(f"{paper} is left out: {why_left_out(paper)}")
