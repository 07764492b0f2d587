"""Diagnosis: MS against NMOSD by radiomics and demographics, and the study of Yan et al. 2021 on this cohort.

Methods stand in src/chiomics/diagnosis; see docs/diagnosis.md. The evaluation is cut into batches of models, schemes and
chunks of repeats or permutations, so that cores and clusters can share it.
"""


rule yan2021:
    """Make every table and figure of Yan et al. 2021, as published and without its leak."""
    input:
        partial(files_of_paper, paper="yan2021"),


rule gather_cohort:
    """Bring the features and demographic variables of the cohort to one table with a row per session."""
    input:
        features=partial(cohort_features, presets=[YAN["preset"]]),
        whitelists=WHITELISTS,
    output:
        cohort="results/diagnosis/cohort.parquet",
        left_out="results/diagnosis/left_out.tsv",
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
        phenotypes=phenotypes_of_yan2021,
    script:
        "../../scripts/diagnosis/gather_cohort.py"


rule evaluate_models:
    """Cross-validate models as published, and with every selection inside the folds (Yan et al. 2021, Model)."""
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


rule fit_model:
    """Fit every model on all participants, as files that another site can apply."""
    input:
        cohort="results/diagnosis/cohort.parquet",
        features=partial(cohort_features, presets=[YAN["preset"]]),
        performance="results/diagnosis/performance.tsv",
    output:
        models=YAN_MODELS,
    log:
        "results/logs/fit_model.log",
    benchmark:
        "results/benchmarks/fit_model.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        settings=YAN_SETTINGS,
        source=name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/diagnosis/fit_model.py"


rule write_yan2021:
    """Write the paper's tables under its own numbers, the published values beside, and the CLEAR checklist."""
    input:
        cohort="results/diagnosis/cohort.parquet",
        tables=[f"results/diagnosis/{name}{extension}" for name, extension in EVALUATION_TABLES.items()],
        models=YAN_MODELS,
        left_out="results/diagnosis/left_out.tsv",
    output:
        [f"results/papers/yan2021/{name}.tsv" for name in YAN_TABLES],
        readme="results/papers/yan2021/README.md",
    log:
        "results/logs/write_yan2021.log",
    benchmark:
        "results/benchmarks/write_yan2021.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=YAN_SETTINGS,
        manifest=manifest_of_cohort,
        enrolment=enrolment,
        oracle=effects_built_in,
        source=name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/diagnosis/write_yan2021.py"


rule draw_yan2021:
    """Draw the paper's figures, and those that show what its recipe hides."""
    input:
        **example_session(),
        cohort="results/diagnosis/cohort.parquet",
        tables=[f"results/diagnosis/{name}{extension}" for name, extension in EVALUATION_TABLES.items()],
    output:
        report(
            [f"results/papers/yan2021/figure{name}.png" for name in main_figures(YAN_DRAWN)],
            caption="../report/yan2021.rst",
            category="Yan 2021",
        ),
        [f"results/papers/yan2021/figure{name}.png" for name in supplementary_figures(YAN_DRAWN)],
    log:
        "results/logs/draw_yan2021.log",
    benchmark:
        "results/benchmarks/draw_yan2021.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=YAN_SETTINGS,
        manifest=manifest_of_cohort,
        enrolment=enrolment,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/diagnosis/draw_yan2021.py"
