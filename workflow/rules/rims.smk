"""Rims: detectors of rim lesions, and the study of Zhang et al. 2022 on this cohort.

Methods stand in src/chiomics/rims; see docs/rims.md. Every training, an arm with a fold and a seed, can be a job of its
own, so that cores, clusters and graphics cards can share them; one that is killed goes on from its checkpoint.
"""


rule zhang2022:
    """Make every table and figure of Zhang et al. 2022, and detectors that can be applied."""
    input:
        partial(files_of_paper, paper="zhang2022"),


rule train_detector:
    """Train detectors on all folds of the subjects but one and predict that one (Zhang et al. 2022, section 2.3)."""
    input:
        **COHORT_LESIONS,
    output:
        **{name: temp(f"results/rims/parts/{name}_{{batch}}.{ending}") for name, ending in RIM_PARTS.items()},
    log:
        "results/logs/train_detector_{batch}.log",
    benchmark:
        "results/benchmarks/train_detector_{batch}.tsv"
    wildcard_constraints:
        batch="[0-9]+",
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=rim_training_minutes,
        gpu=rim_training_cards,
    params:
        settings=ZHANG_SETTINGS,
        trainings=rim_trainings_of_batch,
        checkpoints="results/rims/checkpoints",
    script:
        "../../scripts/rims/train_detector.py"


rule combine_detectors:
    """Evaluate all detectors: per lesion, per subject, calibrated, by chance (Zhang et al. 2022, section 2.5)."""
    input:
        **COHORT_LESIONS,
        predictions=rim_training_parts("predictions"),
        curves=rim_training_parts("curves"),
        timing=rim_training_parts("timing"),
    output:
        list(RIM_RESULTS.values()),
    log:
        "results/logs/combine_detectors.log",
    benchmark:
        "results/benchmarks/combine_detectors.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=ZHANG_SETTINGS,
    script:
        "../../scripts/rims/combine_detectors.py"


rule fit_detector:
    """Train the chosen detectors on all subjects, as files that another site can apply."""
    input:
        **COHORT_LESIONS,
        **{name: RIM_RESULTS[name] for name in ("calls", "areas", "performance", "review")},
    output:
        RIM_MODELS,
    log:
        "results/logs/fit_detector.log",
    benchmark:
        "results/benchmarks/fit_detector.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=rim_training_cards,
    params:
        settings=ZHANG_SETTINGS,
        checkpoints="results/rims/checkpoints",
        source=name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/rims/fit_detector.py"


rule write_zhang2022:
    """Write the paper's tables under its own numbers, the published values beside ours."""
    input:
        **COHORT_LESIONS,
        tables=RIM_TEXT_TABLES,
        participants=rim_participants_table(),
    output:
        [f"results/papers/zhang2022/{name}.tsv" for name in ZHANG_TABLES],
        readme="results/papers/zhang2022/README.md",
    log:
        "results/logs/write_zhang2022.log",
    benchmark:
        "results/benchmarks/write_zhang2022.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=ZHANG_SETTINGS,
        source=name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/rims/write_zhang2022.py"


rule draw_zhang2022:
    """Draw the paper's figures, and those on calibration, chance and errors."""
    input:
        **COHORT_LESIONS,
        tables=RIM_TEXT_TABLES,
        calls=RIM_RESULTS["calls"],
        curves=RIM_RESULTS["curves"],
    output:
        report(
            [f"results/papers/zhang2022/figure{name}.png" for name in main_figures(ZHANG_DRAWN)],
            caption="../report/zhang2022.rst",
            category="Zhang 2022",
        ),
        [f"results/papers/zhang2022/figure{name}.png" for name in supplementary_figures(ZHANG_DRAWN)],
    log:
        "results/logs/draw_zhang2022.log",
    benchmark:
        "results/benchmarks/draw_zhang2022.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=ZHANG_SETTINGS,
        source=name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/rims/draw_zhang2022.py"


rule predict_rims:
    """Apply a detector to every session: probabilities, burden per session, pages to review."""
    input:
        unpack(files_to_predict),
    output:
        lesions="results/rims/predicted/lesions.tsv",
        burden="results/rims/predicted/burden.tsv",
        ratings="results/rims/predicted/rim_ratings_to_fill.tsv",
    log:
        "results/logs/predict_rims.log",
    benchmark:
        "results/benchmarks/predict_rims.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        sessions=names_to_predict,
        resample=config["rims"]["resample"],
        simulated=names_of_simulated,
    script:
        "../../scripts/rims/predict_rims.py"
