"""What the studies read and make: the input functions and targets of the stages robustness and diagnosis."""

from glob import glob

from chiomics.core.feature_files import says_simulated
from chiomics.diagnosis.models import complete_settings, list_jobs, list_models

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

FISCONE = config["papers"]["fiscone2023"]
FISCONE_SETTINGS = {key: value for key, value in FISCONE.items() if key != "include"}
AGREEMENT_TABLES = ("counts.tsv", "optimal_gray_level.tsv", "missing.tsv", "sides.tsv", "groups.tsv", "whitelist.tsv")
TRACT_TABLES = ("volumes.tsv", "trends.tsv", "contradictions.tsv")
#: Figures that come from tables; the workflow (1) and the χ atlas (5) beside them.
FISCONE_DRAWN = ("2", "2_subsets", "3", "4", "6", "S1", "S6", "S7", "S8", "S9", "_published")

YAN = config["papers"]["yan2021"]
YAN_SETTINGS = {key: value for key, value in YAN.items() if key not in ("include", "jobs_per_batch")}
YAN_MODELS = [
    f"results/diagnosis/models/{name}.json"
    for name, model in list_models(complete_settings(YAN_SETTINGS)).items()
    if model.main
]
YAN_TABLES = ("table1", "table2", "table3", "table4", "selection_counts", "enrolment", "clear_checklist")
#: Figures that come from tables and one session; the workflow (3) beside them.
YAN_DRAWN = ("1", "2", "4", "5", "S1", "S2", "S3", "S4", "S5")
#: Tables of the diagnosis stage with their format.
EVALUATION_TABLES = dict.fromkeys(("predictions", "selected", "permutation"), ".parquet") | dict.fromkeys(
    (
        "performance",
        "delong",
        "confounding",
        "selection_counts",
        "selection_stability",
        "roc",
        "calibration",
        "decision_curve",
    ),
    ".tsv",
)


def cohort_features(wildcards=None):
    """Give the feature tables of the cohort, the user's or those of the radiomics stage."""
    if config["feature_columns"]:
        return ["results/robustness/features.parquet"]
    return GIVEN_TABLES or feature_tables()


def robustness_features(wildcards=None):
    """Give the tables whose features are compared: of every session as it is, and perturbed where that is asked for."""
    if GIVEN_FEATURES or not FISCONE["perturbations"]:
        return cohort_features()
    perturbed = derivative("features", ".parquet", datatype="radiomics", desc="perturbed")
    return feature_tables() + [perturbed.format(**session_wildcards(row)) for row in radiomics_sessions()]


def sessions_with_t1w():
    """Give the sessions whose whole brain the anatomy stage measures: on the T1w, as the GRE may be a slab."""
    return [] if GIVEN_FEATURES else [row for row in radiomics_sessions() if has_anatomy(row) and row["T1w"]]


def sessions_without_t1w():
    """Give the other sessions that have a brain mask on the GRE."""
    rows = [] if GIVEN_FEATURES else radiomics_sessions()
    return [row for row in rows if not (has_anatomy(row) and row["T1w"]) and brain_mask_of_row(row)]


def identities(rows):
    """Name sessions by participant, session and run."""
    return [[row["participant_id"], row["session_id"], row["run"]] for row in rows]


def brain_mask_of_row(row):
    """Give the brain mask of a session as a list, empty where it has none."""
    paths = brain_mask_of(wildcards_of(row))
    return [paths] if isinstance(paths, str) else paths


def valid_mask_as_list(wildcards):
    """Give the mask in which all maps hold values as a list, empty where there is none."""
    paths = valid_mask(wildcards)
    return [paths] if isinstance(paths, str) else paths


def fiscone2023_targets(wildcards):
    """Give the tables and figures of Fiscone et al. 2023."""
    folder = "results/papers/fiscone2023"
    figures = [f"{folder}/figure{name}.png" for name in fiscone_figures()]
    return paper_targets("fiscone2023", [f"{folder}/README.md", f"{folder}/published.tsv", *figures])


def fiscone_figures():
    """Number the figures that this cohort can give: the χ atlas takes the maps of controls."""
    without_atlas = GIVEN_FEATURES or not chi_atlas_targets()
    return ["1", *([] if without_atlas else ["5"]), *FISCONE_DRAWN]


def batches(kind):
    """Cut the evaluations or the permutations of all models into batches: lists of model, scheme and chunk."""
    jobs = list_jobs(complete_settings(YAN_SETTINGS))[kind]
    size = YAN["jobs_per_batch"]
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def jobs_of_batch(kind, wildcards):
    """Give the evaluations or permutations of one batch."""
    return [list(job) for job in batches(kind)[int(wildcards.batch)]]


def batch_files(kind, pattern):
    """Name a file of every batch."""
    return [pattern.format(batch=number) for number in range(len(batches(kind)))]


def manifest_of_cohort(wildcards):
    """Give the manifest, which says who was left out and why; none where the cohort is a table."""
    return [] if GIVEN_FEATURES else MANIFEST


def example_session():
    """Give the map and the nuclei of the first patient, for the picture of the regions."""
    positive = [row for row in anatomy_sessions() if row.get("group") == YAN["positive"]]
    if GIVEN_FEATURES or not positive or "nuclei" not in atlas_folders():
        return {}
    wildcards, results = wildcards_of(positive[0]), anatomy_results()
    found = {
        "nuclei": results["dgm_labels"].format(**wildcards),
        "nuclei_table": results["dgm_table"].format(**wildcards),
    }
    return found | {"chi": reference_chi(wildcards)[0]}


def yan2021_targets(wildcards):
    """Give the tables, figures and models of Yan et al. 2021."""
    folder = "results/papers/yan2021"
    figures = [f"{folder}/figure{name}.png" for name in ("3", *YAN_DRAWN)]
    return paper_targets("yan2021", [f"{folder}/README.md", *figures, *YAN_MODELS])


def paper_files(wildcards):
    """Give the files of every paper that this cohort serves."""
    of_papers = {"fiscone2023": fiscone2023_targets, "yan2021": yan2021_targets}
    return [path for paper in PAPERS for path in of_papers[paper](wildcards)]
