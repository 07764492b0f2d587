"""FLAIR classifiers: MS against NMOSD by networks, and the studies of Wang et al. 2020 and Seok et al. 2023.

Methods and papers stand in the head of each file of src/chiomics/flair; see docs/flair.md. Trainings are cut into jobs,
so that cores, cards and clusters can share them; each can be killed and goes on from its last whole epoch.
"""


wildcard_constraints:
    study="wang2020|seok2023",
    part="[0-9]+",


rule wang2020:
    """Make every table and figure of Wang et al. 2020, as published and by a fair evaluation."""
    input:
        partial(files_of_paper, paper="wang2020"),


rule seok2023:
    """Make every table and figure of Seok et al. 2023, as published and by a fair evaluation."""
    input:
        partial(files_of_paper, paper="seok2023"),


rule simulate_heads:
    """Simulate a part of the heads that the classifiers of the embedded cohort learn from, without the GRE's physics."""
    output:
        flair="results/flair/heads/flair_{part}.npz",
        matched="results/flair/heads/flair_matched_{part}.npz",
    log:
        "results/logs/simulate_heads_{part}.log",
    benchmark:
        "results/benchmarks/simulate_heads_{part}.tsv"
    conda:
        "../../envs/phantom.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=partial(settings_of_heads, cohort="flair"),
    script:
        "../../scripts/flair/simulate_heads.py"


rule simulate_other_heads:
    """Simulate heads of another seed, which no study tests on: what a network can be pretrained on by anyone."""
    output:
        flair="results/flair/heads/other_{part}.npz",
    log:
        "results/logs/simulate_other_heads_{part}.log",
    benchmark:
        "results/benchmarks/simulate_other_heads_{part}.tsv"
    conda:
        "../../envs/phantom.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=partial(settings_of_heads, cohort="other"),
    script:
        "../../scripts/flair/simulate_heads.py"


rule prepare_flair:
    """Make a session's volume (Wang et al. 2020, Figure 2) and five slices (Seok et al. 2023, Figure 2)."""
    input:
        segmentation=segmentation_with_flair,
    output:
        images=PREPARED,
        sidecar=PREPARED.replace(".npz", ".json"),
        figure=PREPARED_FIGURE,
    log:
        job_file("logs", "prepare_flair", ".log"),
    benchmark:
        job_file("benchmarks", "prepare_flair", ".tsv")
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        about=about_session,
        sizes=IMAGE_SIZES,
    script:
        "../../scripts/flair/prepare_flair.py"


rule gather_flair:
    """Bring the images of a study's sessions to one file, and leave out what the study does not take."""
    input:
        images=prepared_files,
        sidecars=prepared_sidecars,
    output:
        images="results/flair/{study}/cohort.npz",
        table="results/flair/{study}/cohort.tsv",
        left_out="results/flair/{study}/left_out.tsv",
    log:
        "results/logs/gather_flair_{study}.log",
    benchmark:
        "results/benchmarks/gather_flair_{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        settings=settings_of_study,
        people=people_of_study,
        left_out=left_out_of_flair,
    script:
        "../../scripts/flair/gather_flair.py"


rule pretrain_on_heads:
    """Train the two-view network on simulated heads of another seed, as a start that anyone can make."""
    input:
        images=head_files("other"),
    output:
        weights=PRETRAINED,
        card=PRETRAINED.replace(".safetensors", ".json"),
    log:
        "results/logs/pretrain_on_heads.log",
    benchmark:
        "results/benchmarks/pretrain_on_heads.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=600,
    params:
        settings=FLAIR_SETTINGS["wang2020"],
    script:
        "../../scripts/flair/pretrain_on_heads.py"


rule train_flair:
    """Train a batch of networks: arms, folds and repeats of a study, on true and on permuted labels."""
    input:
        images="results/flair/{study}/cohort.npz",
        heads=heads_weights,
        pretrained=pretrained_weights,
    output:
        predictions=temp("results/flair/{study}/parts/predictions_{batch}.parquet"),
        curves=temp("results/flair/{study}/parts/curves_{batch}.parquet"),
        models=temp(directory("results/flair/{study}/parts/models_{batch}")),
    log:
        "results/logs/train_flair_{study}_{batch}.log",
    benchmark:
        "results/benchmarks/train_flair_{study}_{batch}.tsv"
    wildcard_constraints:
        batch="[0-9]+",
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=600,
        gpu=gpus_for_training,
    params:
        settings=settings_of_study,
        trainings=trainings_of_batch,
        checkpoints="results/flair/checkpoints",
    script:
        "../../scripts/flair/train_flair.py"


rule combine_flair:
    """Score all trainings of a study and the models without a network; find confounders, calibration, wrong cases."""
    input:
        images="results/flair/{study}/cohort.npz",
        predictions=partial(trained_files, kind="predictions"),
        curves=partial(trained_files, kind="curves"),
        matched=matched_files,
    output:
        predictions="results/flair/{study}/predictions.parquet",
        curves="results/flair/{study}/curves.parquet",
        tables=[f"results/flair/{{study}}/{name}.tsv" for name in FLAIR_TABLES],
    log:
        "results/logs/combine_flair_{study}.log",
    benchmark:
        "results/benchmarks/combine_flair_{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings_of_study,
    script:
        "../../scripts/flair/combine_flair.py"


rule map_attention:
    """Map where a network looks (Grad-CAM), and score the maps against lesions, random weights and erasure."""
    input:
        images="results/flair/{study}/cohort.npz",
        models=partial(trained_files, kind="models"),
    output:
        scores="results/flair/{study}/attention.tsv",
        summary="results/flair/{study}/attention_summary.tsv",
        maps="results/flair/{study}/attention.npz",
    log:
        "results/logs/map_attention_{study}.log",
    benchmark:
        "results/benchmarks/map_attention_{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=gpus_for_training,
    params:
        settings=settings_of_study,
    script:
        "../../scripts/flair/map_attention.py"


rule fit_flair:
    """Train the network on the whole cohort, as a file that another site can apply."""
    input:
        images="results/flair/{study}/cohort.npz",
        performance="results/flair/{study}/performance.tsv",
    output:
        weights="results/flair/models/{study}.safetensors",
        card="results/flair/models/{study}.json",
    log:
        "results/logs/fit_flair_{study}.log",
    benchmark:
        "results/benchmarks/fit_flair_{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=gpus_for_training,
    params:
        settings=settings_of_study,
        source="simulated heads" if SIMULATED else name_of_cohort,
        simulated=FROM_SIMULATED,
        anatomy=ANATOMY_OF_MODELS,
    script:
        "../../scripts/flair/fit_flair.py"


rule predict_flair:
    """Apply a model to every session with FLAIR and T1w: probabilities, and where it looked."""
    input:
        unpack(files_to_predict_flair),
    output:
        scores="results/flair/predicted/scores.tsv",
        pages=directory("results/flair/predicted/attention"),
    log:
        "results/logs/predict_flair.log",
    benchmark:
        "results/benchmarks/predict_flair.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        sessions=sessions_to_predict_flair,
    script:
        "../../scripts/flair/predict_flair.py"


rule write_flair_paper:
    """Write a paper's tables under its own numbers, the published values beside, what departs, and a README."""
    input:
        cohort="results/flair/{study}/cohort.npz",
        curves="results/flair/{study}/curves.parquet",
        predictions="results/flair/{study}/predictions.parquet",
        tables=[f"results/flair/{{study}}/{name}.tsv" for name in FLAIR_TABLES],
        attention="results/flair/{study}/attention_summary.tsv",
    output:
        readme="results/papers/{study}/README.md",
    log:
        "results/logs/write_flair_paper_{study}.log",
    benchmark:
        "results/benchmarks/write_flair_paper_{study}.tsv"
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=settings_of_study,
        source="simulated heads" if SIMULATED else name_of_cohort,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/flair/write_flair_paper.py"


for flair_paper, figure_names in FLAIR_FIGURES.items():

    rule:
        """Draw a paper's figures, and those that show what its evaluation hides."""
        name:
            f"draw_{flair_paper}"
        input:
            cohort=f"results/flair/{flair_paper}/cohort.npz",
            curves=f"results/flair/{flair_paper}/curves.parquet",
            predictions=f"results/flair/{flair_paper}/predictions.parquet",
            tables=[f"results/flair/{flair_paper}/{name}.tsv" for name in FLAIR_TABLES],
            scores=f"results/flair/{flair_paper}/attention.tsv",
            maps=f"results/flair/{flair_paper}/attention.npz",
        output:
            report(
                [f"results/papers/{flair_paper}/figure{name}.png" for name in main_figures(figure_names)],
                caption="../report/flair.rst",
                category=PAPER_RECORDS[flair_paper].title,
            ),
            [f"results/papers/{flair_paper}/figure{name}.png" for name in supplementary_figures(figure_names)],
        log:
            f"results/logs/draw_{flair_paper}.log",
        benchmark:
            f"results/benchmarks/draw_{flair_paper}.tsv"
        conda:
            "../../envs/learning.yaml"
        resources:
            mem_mb=2000,
            runtime=20,
        params:
            study=flair_paper,
            settings=FLAIR_SETTINGS[flair_paper],
            simulated=FROM_SIMULATED,
        script:
            "../../scripts/flair/draw_flair_paper.py"
