"""Diagnosis: MS against NMOSD by radiomics and demographics, and the study of Yan et al. 2021 on this cohort.

Methods stand in src/chiomics/diagnosis; see docs/diagnosis.md. The evaluation is cut into batches of models, schemes and
chunks of repeats or permutations, so that cores and clusters can share it.
"""


rule yan2021:
    """Make every table and figure of Yan et al. 2021, as published and without its leak."""
    input:
        yan2021_targets,


rule gather_cohort:
    """Bring the features and demographic variables of the cohort to one table with a row per session."""
    input:
        features=cohort_features,
    output:
        cohort="results/diagnosis/cohort.parquet",
    log:
        "results/logs/gather_cohort.log",
    benchmark:
        "results/benchmarks/gather_cohort.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        settings=YAN_SETTINGS,
    script:
        "../../scripts/diagnosis/gather_cohort.py"


rule evaluate_models:
    """Cross-validate models as published, and with every selection inside the folds (S-14 to S-20, E-01)."""
    input:
        cohort="results/diagnosis/cohort.parquet",
    output:
        predictions=temp("results/diagnosis/parts/predictions_{batch}.parquet"),
        selected=temp("results/diagnosis/parts/selected_{batch}.parquet"),
    log:
        "results/logs/evaluate_models_{batch}.log",
    benchmark:
        "results/benchmarks/evaluate_models_{batch}.tsv"
    wildcard_constraints:
        batch="[0-9]+",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=YAN_SETTINGS,
        jobs=partial(jobs_of_batch, "evaluate"),
    script:
        "../../scripts/diagnosis/evaluate_models.py"


rule permute_labels:
    """Evaluate models on cohorts whose labels are permuted: what the recipes find in noise."""
    input:
        cohort="results/diagnosis/cohort.parquet",
    output:
        permuted=temp("results/diagnosis/parts/permuted_{batch}.parquet"),
    log:
        "results/logs/permute_labels_{batch}.log",
    benchmark:
        "results/benchmarks/permute_labels_{batch}.tsv"
    wildcard_constraints:
        batch="[0-9]+",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        settings=YAN_SETTINGS,
        jobs=partial(jobs_of_batch, "permute"),
    script:
        "../../scripts/diagnosis/permute_labels.py"


rule combine_evaluations:
    """Bring all evaluations together: performance, tests between models, stability, calibration, confounding."""
    input:
        cohort="results/diagnosis/cohort.parquet",
        predictions=batch_files("evaluate", "results/diagnosis/parts/predictions_{batch}.parquet"),
        selected=batch_files("evaluate", "results/diagnosis/parts/selected_{batch}.parquet"),
        permuted=batch_files("permute", "results/diagnosis/parts/permuted_{batch}.parquet"),
    output:
        **{name: f"results/diagnosis/{name}{extension}" for name, extension in EVALUATION_TABLES.items()},
    log:
        "results/logs/combine_evaluations.log",
    benchmark:
        "results/benchmarks/combine_evaluations.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=YAN_SETTINGS,
    script:
        "../../scripts/diagnosis/combine_evaluations.py"
