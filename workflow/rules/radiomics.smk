"""Radiomics: the features of every χ map, volume of interest, preset and grey level of a session, in one job.

Definitions are those of pyradiomics 3.0.1 (van Griethuysen et al. 2017); presets follow Fiscone et al. 2023, Yan et al.
2021 and Zhang et al. 2022. See docs/radiomics.md. A session can start here with χ maps and labels of its own.
"""

from chiomics.index.manifest import COLUMNS as MANIFEST_COLUMNS

FEATURES = derivative("features", ".parquet", datatype="radiomics")
RADIOMICS_FIGURE = "results/qc/{folder}/{subject}{run}_radiomics.png"


def map_names(row):
    """Name a session's χ maps by inversion and echo set; one of the user's own goes by its place in both."""
    inversions = config["qsm"]["inversions"] if row["input_kind"] != "chi_map" else []
    names = [[inversion, echo_set] for inversion in inversions for echo_set in echo_sets_of(row)]
    return names + ([["given", "given"]] if row["chi_map"] else [])


def map_names_of_job(wildcards):
    """Name the χ maps of a job's session."""
    return map_names(session_of(wildcards))


def chi_maps(wildcards):
    """Give a session's χ maps in the order of their names."""
    made = [name for name in map_names_of_job(wildcards) if name[0] != "given"]
    paths = [derivative("Chimap", rec=inversion, desc=echo_set) for inversion, echo_set in made]
    return [path.format(**wildcards) for path in paths] + inputs_of(wildcards, "chi_map")


def valid_mask(wildcards):
    """Give the mask in which all maps hold values: the QSM stage's, else the user's brain mask."""
    if session_of(wildcards)["input_kind"] != "chi_map":
        return derivative("mask", desc="qsm").format(**wildcards)
    return inputs_of(wildcards, "brain_mask")


def voi_files(wildcards):
    """Give a session's masks and label images: the user's own."""
    return inputs_of(wildcards, "voi_labels")


def session_identity(wildcards):
    """Give the columns that name a session and its group: those of participants.tsv besides."""
    row = session_of(wildcards)
    names = {"participant": row["participant_id"], "session": row["session_id"], "run": row["run"]}
    return names | {key: str(row[key]) for key in row if key not in MANIFEST_COLUMNS and key not in names}


def radiomics_sessions():
    """Give the sessions that have volumes of interest."""
    return [row for row in SESSIONS.values() if row["voi_labels"]]


def feature_tables(wildcards=None):
    """Give the feature tables of the cohort."""
    return [FEATURES.format(**session_wildcards(row)) for row in radiomics_sessions()]


def radiomics_targets():
    """Give what the radiomics stage makes for the cohort."""
    if not radiomics_sessions():
        return []
    cohort = ["results/qc/radiomics_features.png"]
    return feature_tables() + cohort + (["results/radiomics/features.tsv"] if config["radiomics"]["wide_table"] else [])


rule radiomics:
    """Extract the features of every session, and compare the sessions."""
    input:
        radiomics_targets(),


rule extract_features:
    """Extract all features of one session; numbers of features are those of the papers (S-39, S-12, S-90)."""
    input:
        maps=chi_maps,
        valid_mask=valid_mask,
        vois=voi_files,
    output:
        features=FEATURES,
        figure=report(
            RADIOMICS_FIGURE,
            caption="../report/radiomics.rst",
            category="Radiomics",
            labels={"session": "{subject}{run}", "picture": "histograms"},
        ),
    log:
        job_file("logs", "extract_features", ".log"),
    benchmark:
        job_file("benchmarks", "extract_features", ".tsv")
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=partial(megabytes_for_size, copies=60),
        runtime=partial(minutes_for_size, minutes_per_megavoxel=5),
    params:
        map_names=map_names_of_job,
        identity=session_identity,
        settings=config["radiomics"],
        simulated=SIMULATED,
    script:
        "../../scripts/radiomics/extract_features.py"


rule compare_sessions:
    """Draw all features of all sessions as modified z-scores, and list the outliers (Iglewicz and Hoaglin 1993)."""
    input:
        features=feature_tables,
    output:
        figure=report(
            "results/qc/radiomics_features.png",
            caption="../report/radiomics.rst",
            category="Radiomics",
            labels={"session": "cohort", "picture": "features by session"},
        ),
        outliers="results/qc/radiomics_outliers.tsv",
    log:
        "results/logs/compare_sessions.log",
    benchmark:
        "results/benchmarks/compare_sessions.tsv"
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        simulated=SIMULATED,
    script:
        "../../scripts/radiomics/compare_sessions.py"


rule widen_features:
    """Export the features of the cohort as one table with a column per feature."""
    input:
        features=feature_tables,
    output:
        table="results/radiomics/features.tsv",
    log:
        "results/logs/widen_features.log",
    benchmark:
        "results/benchmarks/widen_features.tsv"
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=8000,
        runtime=30,
    script:
        "../../scripts/radiomics/widen_features.py"
