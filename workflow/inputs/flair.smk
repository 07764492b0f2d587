"""What the FLAIR classifiers and the studies of Wang et al. 2020 and Seok et al. 2023 read and make."""

from chiomics.core.learning.device import torch_missing
from chiomics.flair.study.needs import why_too_few
from chiomics.flair.study.scanners import MAKE, NAMED, scanners_to_leave_out
from chiomics.flair.study.trainings import list_trainings

#: Keys of a paper's section that change how jobs are cut and nothing of the results.
NOT_SCIENCE = ("include", "trainings_per_job", "heads_per_job")
FLAIR_PAPERS = ("wang2020", "seok2023")
FLAIR_SETTINGS = {
    study: {key: value for key, value in config["papers"][study].items() if key not in NOT_SCIENCE}
    for study in FLAIR_PAPERS
}
PREPARED = derivative("FLAIR", ".npz", "flair", desc="classifiers")
PREPARED_FIGURE = "results/qc/{folder}/{subject}{run}_flair.png"
#: Columns of the manifest that describe a session's images, and those of participants.tsv, which join in the study.
ABOUT_SESSION = MAKE
ABOUT_PARTICIPANT = ("group", "age", "sex", "disease_duration", "edss", *NAMED)
IMAGE_SIZES = {"edge": config["papers"]["wang2020"]["edge"], "pixels": config["papers"]["seok2023"]["pixels"]}
#: Tables of a study.
FLAIR_TABLES = (
    "performance",
    "comparisons",
    "draws",
    "case_errors",
    "confounders",
    "calibration",
    "matched",
)
FLAIR_FIGURES = {
    "wang2020": ("1", "2", "3", "4", "S1", "S2", "S3", "S4"),
    "seok2023": ("1", "2", "3", "S1", "S2", "S3"),
}
#: How new sessions are mapped that a model is applied to: as those of its training.
ANATOMY_OF_MODELS = {
    key: config["anatomy"][key]
    for key in ("registration", "brain_extraction", "brain_volume", "checks", "tissue", "lesions", "drawn_on")
}
HEADS_ARM = "2v-18-heads"
PRETRAINED = "results/flair/models/heads-2v-18.safetensors"


def resolve_pretrained_weights():
    """Take the paths of the user's weights from the Snakefile's folder."""
    given = FLAIR_SETTINGS["wang2020"]["pretrained"]
    given.update({layers: beside_snakefile(file) for layers, file in given.items()})
    for layers, file in given.items():
        if file and not os.path.isfile(file):
            raise WorkflowError(
                f"papers.wang2020.pretrained.{layers}; found {file}, no file; expected a file; "
                "paths start at the Snakefile's folder"
            )


resolve_pretrained_weights()


def sessions_with_flair():
    """Return the sessions with a FLAIR and a T1w; a gradient echo is not needed."""
    mapped = [*anatomy_sessions(), *STRUCTURAL_SESSIONS.values()]
    return [row for row in mapped if row["FLAIR"] and row["T1w"]]


def segmentation_with_flair(wildcards):
    """Name the folder of a session's segmentation, with or without a gradient echo."""
    alone = session_of(wildcards)["session"] in STRUCTURAL_SESSIONS
    return (STRUCTURAL_SEGMENTATION if alone else SEGMENTATION).format(**wildcards)


def flair_sessions(study):
    """Return those of a study's two groups."""
    return [row for row in sessions_with_flair() if row.get("group") in config["papers"][study]["groups"]]


def heads_of(cohort):
    """Return the recipe of a simulated cohort of heads: seed and groups."""
    return config["papers"]["wang2020"]["other_heads" if cohort == "other" else "heads"]


def settings_of_heads(wildcards, cohort):
    """Return what a part of a simulated cohort is made by."""
    recipes = {"recipes": ["flair"] if cohort == "other" else ["flair", "flair_matched"], "imaged": ["flair"]}
    return heads_of(cohort) | recipes | {"parts": head_parts(cohort), "sizes": IMAGE_SIZES}


def head_parts(cohort):
    """Count the jobs that simulate a cohort of heads."""
    size = config["papers"]["wang2020"]["heads_per_job"]
    return max(-(-sum(heads_of(cohort)["groups"].values()) // size), 1)


def head_files(cohort):
    """Name the files of a simulated cohort: ``flair``, ``flair_matched`` or ``other``."""
    return [f"results/flair/heads/{cohort}_{part}.npz" for part in range(head_parts(cohort))]


def prepared_files(wildcards):
    """Return the prepared images of a study."""
    if SIMULATED:
        return head_files("flair")
    return [PREPARED.format(**session_wildcards(row)) for row in flair_sessions(wildcards.study)]


def prepared_sidecars(wildcards):
    """Return the sidecars of the prepared images, which say why a session cannot be used; simulated heads have none."""
    return [] if SIMULATED else [path.replace(".npz", ".json") for path in prepared_files(wildcards)]


def left_out_of_flair(wildcards):
    """Say why sessions of a study's groups are not prepared for it."""
    if SIMULATED:
        return {}
    groups, planned = config["papers"][wildcards.study]["groups"], {row["session"] for row in sessions_with_flair()}
    reasons = {}
    for row in ROWS:
        if row.get("group") in groups and row["session"] not in planned:
            lacking = [name for name in ("FLAIR", "T1w") if not row[name]]
            failed = row["warnings"][-1] if "anatomy" in row["without"] else row["reason"]
            reasons[row["session"]] = f"no {' and no '.join(lacking)}" if lacking else failed or "no anatomy"
    return reasons


def columns_of(row, columns, named=True):
    """Say what the manifest knows of a session; people write the columns' names in either case."""
    written = {column.lower(): value for column, value in row.items()}
    known = {column: str(written.get(column)) for column in columns}
    return ({"participant": row["participant_id"], "session": row["session"]} if named else {}) | known


# Each is left out of one training. Simulated heads have none.
for study in FLAIR_PAPERS:
    rows = [] if SIMULATED else [columns_of(row, ABOUT_SESSION + ABOUT_PARTICIPANT) for row in flair_sessions(study)]
    FLAIR_SETTINGS[study]["scanners"] = scanners_to_leave_out(rows)


def about_session(wildcards):
    """Say who a session is, and how it was scanned."""
    return columns_of(session_of(wildcards), ABOUT_SESSION) | {"simulated": is_simulated(wildcards)}


def people_of_study(wildcards):
    """Say what participants.tsv tells of every session; simulated heads tell it themselves."""
    if SIMULATED:
        return {}
    rows = flair_sessions(wildcards.study)
    return {row["session"]: columns_of(row, ABOUT_PARTICIPANT, named=False) for row in rows}


def pretrained_weights(wildcards):
    """Return the user's weights that trainings of a study start from."""
    return sorted(filter(None, FLAIR_SETTINGS[wildcards.study].get("pretrained", {}).values()))


@cache
def training_batches(study):
    """Cut the trainings of a study into jobs, once: lists of trainings as mappings."""
    found = [training.record() for training in list_trainings(study, FLAIR_SETTINGS[study])]
    size = config["papers"][study]["trainings_per_job"]
    return [found[start : start + size] for start in range(0, len(found), size)]


def trainings_of_batch(wildcards):
    """Return the trainings of one job."""
    return training_batches(wildcards.study)[int(wildcards.batch)]


def trained_files(wildcards, kind):
    """Name what every training job of a study leaves."""
    ending = "" if kind == "models" else ".parquet"
    count = len(training_batches(wildcards.study))
    folder = f"results/flair/{wildcards.study}/parts"
    return [f"{folder}/{kind}_{batch}{ending}" for batch in range(count)]


def heads_weights(wildcards):
    """Return the weights of the arm that starts from simulated heads, none where no training of a job has it."""
    if wildcards.study != "wang2020":
        return []
    return PRETRAINED if any(one["arm"] == HEADS_ARM for one in trainings_of_batch(wildcards)) else []


def matched_files(wildcards):
    """Return the heads whose groups have equal lesion load; only the simulated cohort has them."""
    return head_files("flair_matched") if SIMULATED else []


def settings_of_study(wildcards):
    """Return a paper's settings."""
    return FLAIR_SETTINGS[wildcards.study]


def files_to_predict_flair(wildcards):
    """Return the segmentations of all sessions with FLAIR and the model, or say what is missing."""
    if not config["flair"]["model"]:
        raise WorkflowError("predict_flair: flair.model names no model")
    rows = sessions_with_flair()
    if not rows:
        raise WorkflowError("predict_flair: no session has FLAIR and T1w")
    segmentations = [segmentation_with_flair(wildcards_of(row)) for row in rows]
    return {"model": beside_snakefile(config["flair"]["model"]), "segmentations": segmentations}


def sessions_to_predict_flair(wildcards):
    """Say who those sessions are."""
    columns = ABOUT_SESSION + ABOUT_PARTICIPANT
    return [columns_of(row, columns) | {"simulated": bool(row["simulated"])} for row in sessions_with_flair()]


def gpus_for_training(wildcards):
    """Ask for a card where one is wanted."""
    return 1 if config["papers"][wildcards.study]["device"] == "cuda" else 0


def networks_uninstalled():
    """Say that there is nothing to train networks with, where steps bring no environment or image of their own."""
    return "" if IN_CONDA or config["container"] else torch_missing()


def lacking_for_flair(study):
    """Say what the cohort lacks for a classifier of FLAIR images, nothing where it lacks nothing."""
    if missing := torch_missing():
        return missing
    if SIMULATED:
        return (
            "its published size takes days on simulated heads; add --configfile config/demo.yaml for a small one, or "
            f"set papers.{study}.include to true"
        )
    rows = sessions_with_flair()
    columns = ([str(row.get(name)) for row in rows] for name in ("group", "participant_id"))
    return why_too_few(study, config["papers"][study], *columns, what="with FLAIR and T1w")


def flair_paper_targets(study):
    """Return the tables, figures and the model of a paper."""
    folder = f"results/papers/{study}"
    names = [f"{folder}/figure{name}.png" for name in FLAIR_FIGURES[study]]
    return [f"{folder}/README.md", *names, f"results/flair/models/{study}.safetensors"]


PAPER_RECORDS["wang2020"] = Paper(
    title="Wang 2020",
    wing="chiomics.flair.wang2020",
    lacking=partial(lacking_for_flair, "wang2020"),
    targets=partial(flair_paper_targets, "wang2020"),
    uninstalled=networks_uninstalled,
)
PAPER_RECORDS["seok2023"] = Paper(
    title="Seok 2023",
    wing="chiomics.flair.seok2023",
    lacking=partial(lacking_for_flair, "seok2023"),
    targets=partial(flair_paper_targets, "seok2023"),
    uninstalled=networks_uninstalled,
)
