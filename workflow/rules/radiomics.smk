"""Radiomics: the features of every χ map, volume of interest, preset and grey level of a session, in one job.

Definitions are those of pyradiomics 3.0.1 (van Griethuysen et al. 2017); presets follow Fiscone et al. 2023, Yan et al.
2021 and Zhang et al. 2022. See docs/radiomics.md. A session can start here with χ maps and labels of its own.
"""


rule radiomics:
    """Extract the features of every session, and compare the sessions."""
    input:
        map_or_reason(when_asked(radiomics_targets)),


rule sessions:
    """Make maps, regions and features of every session and nothing that compares sessions, for plans of a part of them."""
    input:
        when_asked(feature_tables),


rule extract_features:
    """Extract the features of one session, inversion and preset; numbers of features are those of the papers."""
    input:
        maps=chi_of_table,
        valid_mask=valid_mask,
        vois=voi_files,
        tables=label_tables,
        reference=reference_of,
    output:
        features=FEATURES,
        sidecar=FEATURES.replace(".parquet", ".json"),
        figure=RADIOMICS_FIGURE,
    log:
        job_file("logs", "extract_features_{inversion}_{features}", ".log"),
    benchmark:
        job_file("benchmarks", "extract_features_{inversion}_{features}", ".tsv")
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=partial(megabytes_for_size, copies=60),
        runtime=partial(minutes_for_size, minutes_per_megavoxel=5),
    params:
        map_names=maps_of_table,
        identity=session_identity,
        on_failure=radiomics_on_failure,
        raw=raw_files_unrecorded,
        settings=radiomics_settings,
        simulated=is_simulated,
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
        simulated=FROM_SIMULATED,
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
