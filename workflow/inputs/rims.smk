"""What the detectors of rim lesions and the study of Zhang et al. 2022 read and make."""

import shutil

from chiomics.core.learning.device import torch_missing
from chiomics.rims.detectors import arms as rim_arms
from chiomics.rims.evaluation.tables import TABLES as RIM_TABLES

ZHANG = config["papers"]["zhang2022"]
RIMS_WITHOUT_TORCH = torch_missing()
with bad_input_explained():
    ZHANG_SETTINGS = rim_arms.complete_settings(
        {key: value for key, value in ZHANG.items() if key not in ("include", "trainings_per_job")}
        | {"masked": not config["rims"]["lesions"]["patch"]["surroundings"]},
        simulated=FROM_SIMULATED,
        torch=not RIMS_WITHOUT_TORCH,
    )
#: Trainings in one process: many where they are small, since each start costs some seconds.
RIM_TRAININGS_PER_JOB = ZHANG["trainings_per_job"] or (30 if ZHANG_SETTINGS["size"] == "demo" else 1)
ZHANG_TRAININGS = rim_arms.batches(rim_arms.list_trainings(ZHANG_SETTINGS), RIM_TRAININGS_PER_JOB)
RIM_PARTS = {"predictions": "parquet", "curves": "tsv", "timing": "tsv"}
RIM_RESULTS = {name: f"results/rims/{name}{extension}" for name, extension in RIM_TABLES.items()}
RIM_TEXT_TABLES = [path for path in RIM_RESULTS.values() if path.endswith(".tsv")]
RIM_MODELS = [f"results/rims/models/{arm}.safetensors" for arm in ZHANG_SETTINGS["final"]]
ZHANG_TABLES = ("table1", "table2", "table3", "text_numbers", "departures")
SESSION_KEYS = ("participant_id", "session_id", "run")
ZHANG_DRAWN = (*map(str, range(1, 9)), "S1", "S2", "S3")


def rim_trainings_of_batch(wildcards):
    """Return arm, fold and seed of the trainings of one job."""
    return [list(training) for training in ZHANG_TRAININGS[int(wildcards.batch)]]


def rim_training_parts(name):
    """Name a file of every job."""
    return [f"results/rims/parts/{name}_{batch}.{RIM_PARTS[name]}" for batch in range(len(ZHANG_TRAININGS))]


def rim_training_cards(wildcards):
    """Count the graphics cards that a training takes: one where the setting asks for it or the machine has one."""
    return int(ZHANG["device"] == "cuda" or (ZHANG["device"] == "auto" and shutil.which("nvidia-smi") is not None))


def rim_training_minutes(wildcards, attempt):
    """Run time of a job: 31 CPU hours for the 15 published trainings of QSMRim-Net, measured on one thread."""
    networks = sum(rim_arms.ARMS[arm].is_network for arm, _, _ in rim_trainings_of_batch(wildcards))
    return int(attempt * (20 + networks * (5 if ZHANG_SETTINGS["size"] == "demo" else 360)))


def rim_participants_table():
    """Return the participants' table for Table 1; simulated training lesions are of subjects without one."""
    path = os.path.join(BIDS_DIR or "", "participants.tsv")
    return [path] if not SIMULATED and os.path.exists(path) else []


def sessions_to_predict():
    """Name the files of every session that a detector can be applied to, by what they are."""
    columns = {
        "participant_id": [],
        "session_id": [],
        "run": [],
        "chi": [],
        "flair": [],
        "labels": [],
        "tissue": [],
        "white": [],
    }
    for row in lesion_sessions():
        if row["FLAIR"]:
            wildcards = wildcards_of(row)
            names = {"labels": "lesions_labels", "tissue": "tissue_labels", "white": "nawm_labels"}
            files = {kind: anatomy_result(wildcards, name) for kind, name in names.items()}
            files |= {"chi": reference_chi(wildcards)[0], "flair": flair_on_gre(wildcards)[0]}
            files |= {key: row[key] for key in ("participant_id", "session_id", "run")}
            for key, values in columns.items():
                values.append(files[key])
    return columns


def files_to_predict(wildcards):
    """Return the images of those sessions and the detector, or say what is missing."""
    if not config["rims"]["model"]:
        raise WorkflowError("predict_rims: rims.model names no detector")
    images = {key: paths for key, paths in sessions_to_predict().items() if key not in SESSION_KEYS}
    if not images["chi"]:
        reasons = "; ".join(left_out_of_anatomy())
        raise WorkflowError("predict_rims: no session has FLAIR and anatomy" + (f" ({reasons})" if reasons else ""))
    return images | {"model": beside_snakefile(config["rims"]["model"])}


def names_to_predict(wildcards):
    """Return the participant, session and run of those sessions."""
    found = sessions_to_predict()
    return list(zip(*(found[key] for key in SESSION_KEYS), strict=True))


def names_of_simulated(wildcards):
    """Return which sessions are of simulated subjects."""
    return [key for key, row in SESSIONS.items() if row["simulated"]]


def zhang2022_targets():
    """Return the tables, figures and models of Zhang et al. 2022."""
    folder = "results/papers/zhang2022"
    figures = [f"{folder}/figure{name}.png" for name in (*ZHANG_DRAWN, "S4")]
    return [f"{folder}/README.md", *figures, *RIM_MODELS]


def lacking_for_zhang2022():
    """Say what the cohort lacks for the study of rim lesions, nothing where it lacks nothing."""
    if SIMULATED:
        return "" if lesion_batches() else "the recipe has no training lesions (lesion_patches.subjects)"
    if not os.path.isfile(os.path.join(BIDS_DIR or "", RATINGS)):
        return f"the BIDS folder holds no {RATINGS}, the experts' ratings of rims"
    seen = {row["participant_id"] for row in lesion_sessions() if row["FLAIR"]}
    if len(seen) < ZHANG["folds"]:
        return f"{len(seen)} participants have FLAIR, {ZHANG['folds']} folds need as many"
    return ""


PAPER_RECORDS["zhang2022"] = Paper(
    title="Zhang 2022",
    wing="chiomics.rims.zhang2022",
    lacking=lacking_for_zhang2022,
    targets=zhang2022_targets,
    workflow_figure="figureS4",
)

if workflow.is_main_process and ZHANG_SETTINGS["left_out"]:
    logger.info(f"zhang2022: {RIMS_WITHOUT_TORCH}; left out are {', '.join(ZHANG_SETTINGS['left_out'])}")
