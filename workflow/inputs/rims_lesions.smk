"""What the lesions of the rims stage are read from, and where they go."""

from chiomics.anatomy.files import GRE_TO_TEMPLATE
from chiomics.phantom.lesions.patches import list_patch_subjects

RIM_LESIONS = config["rims"]["lesions"]
#: Files of a set of lesions, by what they hold.
LESION_FILES = {"lesions": "lesions.parquet", "features": "features.parquet", "patches": "patches.npy"}
LESION_FILES["masks"] = "masks.npy"
#: What the detectors read.
COHORT_LESIONS = {key: f"results/rims/{name}" for key, name in LESION_FILES.items()}


def origin_of_lesions(wildcards, input):
    """Say whose a session's lesions are; of it `is_simulated` alone is a cause to run again."""
    return {"simulated": is_simulated(wildcards), "cohort": COHORT_NAME}


def simulated_lesions(batch):
    """Name the files of one batch of simulated training lesions."""
    return {key: f"results/rims/simulated/batch-{batch}_{name}" for key, name in LESION_FILES.items()}


def lesion_batches():
    """Cut the subjects of the simulated training lesions into batches."""
    subjects = list(list_patch_subjects(RECIPE)) if SIMULATED else []
    size = RIM_LESIONS["subjects_per_job"]
    return [subjects[start : start + size] for start in range(0, len(subjects), size)]


def participants_of_batch(wildcards):
    """Return the subjects of one batch."""
    return lesion_batches()[int(wildcards.batch)]


def session_lesions():
    """Name the files of one session's lesions."""
    names = {key: name.split(".") for key, name in LESION_FILES.items()}
    files = {
        key: derivative(suffix, f".{extension}", datatype="rims", desc="lesions")
        for key, (suffix, extension) in names.items()
    }
    return files | {"table": derivative("lesions", ".tsv", datatype="rims")}


def flair_on_gre(wildcards):
    """Return a session's FLAIR on the voxels of the GRE, none where it has no FLAIR."""
    named = anatomy_results().get("gre_FLAIR")
    return [named.format(**wildcards)] if named and session_of(wildcards)["FLAIR"] else []


def truth_of_lesions(wildcards):
    """Return the simulated lesions of a session with their table, none where it is no simulated one."""
    folder = f"{COHORT}/derivatives/truth/{{folder}}/anat/{{subject}}_desc-lesions_dseg"
    return [(folder + extension).format(**wildcards) for extension in (".nii.gz", ".tsv")] if SIMULATED else []


def rim_ratings(wildcards, input):
    """Return the checked table of ratings where the BIDS folder has one, which the main process writes."""
    return [] if SIMULATED or not os.path.isfile(os.path.join(BIDS_DIR, RATINGS)) else [RIM_RATINGS]


def ratings_of_session(wildcards):
    """Condense a session's ratings: those of other sessions, and the order of lines, are no cause to run again."""
    ratings = RATINGS_OF_SESSION[wildcards.subject + wildcards.run]
    return digest(sorted([key, str(value)] for one in ratings for key, value in one.items() if key != "line"))


def ratings_file(wildcards, input):
    """Name the raters' own table, for messages."""
    return os.path.join(BIDS_DIR or "", RATINGS)


def raw_files_with_ratings(wildcards, input):
    """Return what a record of failure hangs on: the session's own files, and the raters' table where there is one."""
    table = ratings_file(wildcards, input)
    return raw_files_unrecorded(wildcards, input) + ([table] if os.path.isfile(table) else [])


def keys_of_session(wildcards):
    """Return the columns that name a session."""
    row = session_of(wildcards)
    return {key: row[key] for key in ("participant_id", "session_id", "run")}


def anatomy_result(wildcards, name):
    """Return one file of a session's anatomy."""
    return anatomy_results()[name].format(**wildcards)


def lesion_sessions():
    """Return the sessions whose lesions are tabulated: those with anatomy, but for those whose job failed before."""
    return [row for row in anatomy_sessions() if "rims" not in row["without"]]


def gathered_files(key):
    """Return one kind of file of the sets of lesions that make up the cohort: simulated ones, or the user's sessions."""
    if SIMULATED:
        return [simulated_lesions(number)[key] for number in range(len(lesion_batches()))]
    return [session_lesions()[key].format(**session_wildcards(row)) for row in lesion_sessions()]


def gathered_parts():
    """Return the sets of lesions that make up the cohort, by kind of file."""
    return {key: when_asked(partial(gathered_files, key)) for key in LESION_FILES}


def lesion_tables():
    """Return the table of lesions of every session, useful without ratings too."""
    return [session_lesions()["table"].format(**session_wildcards(row)) for row in lesion_sessions()]


def rims_targets():
    """Return what the stage makes of lesions for this cohort."""
    tables = lesion_tables()
    return tables + (list(COHORT_LESIONS.values()) if SIMULATED or tables else [])
