"""What the lesions of the rims stage are read from, and where they go."""

from chiomics.phantom.lesion_patches import list_patch_subjects

RIM_LESIONS = config["rims"]["lesions"]
#: Files of a set of lesions, by what they hold.
LESION_FILES = {"lesions": "lesions.parquet", "features": "features.parquet", "patches": "patches.npy"}
LESION_FILES["masks"] = "masks.npy"
#: What the detectors read.
COHORT_LESIONS = {key: f"results/rims/{name}" for key, name in LESION_FILES.items()}


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


def gathered_parts():
    """Return the sets of lesions that make up the cohort, by kind of file."""
    parts = [simulated_lesions(number) for number in range(len(lesion_batches()))]
    return {key: [part[key] for part in parts] for key in LESION_FILES}


def rims_targets():
    """Return what the stage makes of lesions for this cohort."""
    return list(COHORT_LESIONS.values()) if SIMULATED else []
