"""What the robustness stage and the study of Fiscone et al. 2023 read and make."""

import json
from collections import Counter

from chiomics.robustness.perturbation_settings import map_to_perturb

#: Echoes of the four reconstructions that Fiscone et al. 2023 compare; "all" is the fourth.
FISCONE_ECHO_SETS = {"3TE": [1, 3, 5], "2TE": [1, 5], "1TE": [5]}
#: Fewer sessions give no intraclass correlation worth the name.
MIN_SESSIONS = 5
FISCONE = config["papers"]["fiscone2023"]
PERTURBED = {key: FISCONE[key] for key in ("inversion", "echo_sets")}
FISCONE_SETTINGS = {key: value for key, value in FISCONE.items() if key != "include"}
AGREEMENT_TABLES = tuple(
    f"{name}.tsv" for name in ("counts", "optimal_gray_level", "missing", "left_out", "sides", "groups", "whitelist")
)
TRACT_TABLES = ("volumes.tsv", "trends.tsv", "contradictions.tsv")
#: Figures that come from tables; the workflow (1) and the χ atlas (5) beside them.
FISCONE_DRAWN = ("2", "2_subsets", "3", "4", "6", "S1", "S6", "S7", "S8", "S9", "_published")
#: Those of the variance in one tract, which take the atlas of χ and of tracts.
FISCONE_OVERLAYS = ("S2", "S3", "S4", "S5")


def robustness_features(wildcards=None):
    """Return the tables whose features are compared: of every session as it is, and perturbed where that is asked for."""
    if GIVEN_FEATURES or not FISCONE["perturbations"]:
        return cohort_features(presets=FISCONE["presets"])
    perturbed = derivative("features", ".parquet", datatype="radiomics", desc="perturbed")
    return feature_tables(presets=FISCONE["presets"]) + [
        perturbed.format(**session_wildcards(row)) for row in radiomics_sessions()
    ]


def sessions_with_t1w():
    """Return the sessions whose whole brain the anatomy stage measures: on the T1w, as the GRE may be a slab."""
    return [] if GIVEN_FEATURES else [row for row in radiomics_sessions() if has_anatomy(row) and row["T1w"]]


def sessions_without_t1w():
    """Return the other sessions that have a brain mask on the GRE."""
    rows = [] if GIVEN_FEATURES else radiomics_sessions()
    return [row for row in rows if not (has_anatomy(row) and row["T1w"]) and brain_mask_of_row(row)]


def identities(rows):
    """Name sessions by participant, session and run."""
    return [[row["participant_id"], row["session_id"], row["run"]] for row in rows]


def brain_mask_of_row(row):
    """Return the brain mask of a session as a list, empty where it has none."""
    paths = brain_mask_of(wildcards_of(row))
    return [paths] if isinstance(paths, str) else paths


def valid_mask_as_list(wildcards):
    """Return the mask in which all maps hold values as a list, empty where there is none."""
    paths = valid_mask(wildcards)
    return [paths] if isinstance(paths, str) else paths


def map_names_to_perturb(wildcards):
    """Name the map of a session that perturbations start from; without a mask all maps say which voxels are valid."""
    names = map_names_of_job(wildcards)
    if not valid_mask_as_list(wildcards):
        return names
    return [list(map_to_perturb([tuple(name) for name in names], **PERTURBED))]


def maps_to_perturb(wildcards):
    """Return those maps."""
    paths = dict(zip(map(tuple, map_names_of_job(wildcards)), chi_maps(wildcards), strict=True))
    return [paths[tuple(name)] for name in map_names_to_perturb(wildcards)]


def fiscone2023_targets():
    """Return the tables and figures of Fiscone et al. 2023."""
    folder = "results/papers/fiscone2023"
    figures = [f"{folder}/figure{name}.png" for name in fiscone_figures()]
    return [f"{folder}/README.md", f"{folder}/published.tsv", *figures]


def fiscone_figures():
    """Number the figures that this cohort can give: the χ atlas takes the maps of controls."""
    without_atlas = GIVEN_FEATURES or not chi_atlas_targets()
    with_tracts = bool(not without_atlas and atlas_folders().get("tracts"))
    return ["1", *([] if without_atlas else ["5"]), *FISCONE_DRAWN, *(FISCONE_OVERLAYS if with_tracts else [])]


def fiscone_protocols():
    """Count the acquisitions of the sessions that are compared, for Table S1: a JSON list each, with how many have it."""
    names = ("manufacturer", "field_strength", "n_echoes", "echo_times", "voxel_size", "shape")
    rows = [] if GIVEN_FEATURES else radiomics_sessions()
    counts = Counter(json.dumps([row[name] for name in names]) for row in rows)
    return sorted(([text, count] for text, count in counts.items()), key=lambda one: (-one[1], one[0]))


def lacking_for_fiscone2023():
    """Say what the cohort lacks for the study of robustness, nothing where it lacks nothing."""
    if GIVEN_FEATURES:
        from chiomics.robustness.fiscone2023.study import lacking_in_tables
        from chiomics.robustness.settings import Settings

        return lacking_in_tables(GIVEN_TABLES, Settings.from_config(FISCONE_SETTINGS), column_map_given())
    sets = config["qsm"]["echo_sets"]
    wanted = FISCONE_ECHO_SETS if sets is None else sets
    echoes = min((max(numbers) for numbers in wanted.values()), default=None)
    if echoes is None:
        return "qsm.echo_sets is empty, and robustness compares reconstructions"
    able = [row for row in radiomics_sessions() if (row["n_echoes"] or 0) >= echoes]
    if len(able) < MIN_SESSIONS:
        return f"{len(able)} sessions have the {echoes} echoes of a second reconstruction, {MIN_SESSIONS} are needed"
    return ""


def cohort_features(wildcards=None, presets=None):
    """Return the feature tables of the cohort, the user's or those of the radiomics stage with a study's presets."""
    if config["feature_columns"]:
        return ["results/robustness/features.parquet"]
    # Where the study's presets are none of those configured, it says so with what it found.
    return GIVEN_TABLES or feature_tables(presets=presets) or feature_tables()


PAPER_RECORDS["fiscone2023"] = Paper(
    title="Fiscone 2023",
    wing="chiomics.robustness.fiscone2023",
    lacking=lacking_for_fiscone2023,
    targets=fiscone2023_targets,
    workflow_figure="figure1",
    presets={"fiscone107": {}},
    echo_sets=FISCONE_ECHO_SETS,
    from_features=True,
)


def brain_volumes():
    """Return the tables that hold the volume of the brain, of sessions with a T1w."""
    return [VOLUMES.format(**session_wildcards(row)) for row in sessions_with_t1w()]


def brain_masks():
    """Return the brain masks of the sessions without a T1w."""
    return [path for row in sessions_without_t1w() for path in brain_mask_of_row(row)]
