"""Lesions for rim detectors: their table, ratings, features and patches, and simulated ones to train on.

Methods stand in src/chiomics/rims/lesions and src/chiomics/phantom/lesions/patches.py, after Zhang et al. 2022.
"""


rule rims:
    """Tabulate the lesions of every session, and gather those that the detectors are trained on."""
    input:
        when_asked(rims_targets),


rule simulate_lesions:
    """Scan the training lesions of some simulated subjects, each in a box of its own."""
    output:
        **simulated_lesions("{batch}"),
    log:
        "results/logs/simulate_lesions_{batch}.log",
    benchmark:
        "results/benchmarks/simulate_lesions_{batch}.tsv"
    wildcard_constraints:
        batch="[0-9]+",
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        recipe=RECIPE,
        settings=RIM_LESIONS,
        participants=participants_of_batch,
    script:
        "../../scripts/rims/simulate_lesions.py"


rule tabulate_lesions:
    """Measure, place and rate the lesions of one session, and cut their patches after Zhang et al. 2022, Section 2."""
    input:
        chi=reference_chi,
        flair=flair_on_gre,
        labels=partial(anatomy_result, name="lesions_labels"),
        tissue=partial(anatomy_result, name="tissue_labels"),
        white=partial(anatomy_result, name="nawm_labels"),
        sidecar=partial(anatomy_result, name="sidecar"),
        segmentation=segmentation_of,
        valid_mask=valid_mask,
        truth=truth_of_lesions,
    output:
        **session_lesions(),
    log:
        job_file("logs", "tabulate_lesions", ".log"),
    benchmark:
        job_file("benchmarks", "tabulate_lesions", ".tsv")
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=partial(megabytes_for_size, copies=30),
        runtime=partial(minutes_for_size, minutes_per_megavoxel=2),
    params:
        settings=RIM_LESIONS,
        on_failure=RIMS_ON_FAILURE,
        raw=raw_files_with_ratings,
        identity=keys_of_session,
        origin=origin_of_lesions,
        simulated=is_simulated,
        to_template=GRE_TO_TEMPLATE,
        ratings=rim_ratings,
        ratings_content=ratings_of_session,
        ratings_file=ratings_file,
    script:
        "../../scripts/rims/tabulate_lesions.py"


rule gather_lesions:
    """Put the lesions of the cohort into one table, one table of features and one array of patches."""
    input:
        **gathered_parts(),
    output:
        **COHORT_LESIONS,
        agreement="results/rims/agreement.tsv",
        figure=report(
            "results/qc/rims_lesions.png",
            caption="../report/rims_lesions.rst",
            category="Rims",
            labels={"session": "cohort", "picture": "examples of lesions"},
        ),
    log:
        "results/logs/gather_lesions.log",
    benchmark:
        "results/benchmarks/gather_lesions.tsv"
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    script:
        "../../scripts/rims/gather_lesions.py"
