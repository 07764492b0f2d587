"""Robustness: how far features agree between reconstructions, and the study of Fiscone et al. 2023 on this cohort.

Definitions stand in src/chiomics/robustness; see docs/robustness.md. The target fiscone2023 starts from the features of
the radiomics stage, or with `--config features=my.parquet` from a table of yours.
"""


rule fiscone2023:
    """Make every table and figure of Fiscone et al. 2023."""
    input:
        partial(files_of_paper, paper="fiscone2023"),


rule import_features:
    """Turn a wide table of features from elsewhere into a tidy one, by a map of its columns."""
    input:
        tables=GIVEN_TABLES,
        column_map=beside_snakefile(config["feature_columns"]) or [],
    output:
        features="results/robustness/features.parquet",
    log:
        "results/logs/import_features.log",
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    script:
        "../../scripts/robustness/import_features.py"


rule perturb_session:
    """Extract a session's features under each configured perturbation of its map or of its regions."""
    input:
        maps=maps_to_perturb,
        valid_mask=valid_mask_as_list,
        vois=voi_files,
        reference=reference_of,
    output:
        features=derivative("features", ".parquet", datatype="radiomics", desc="perturbed"),
    log:
        job_file("logs", "perturb_session", ".log"),
    benchmark:
        job_file("benchmarks", "perturb_session", ".tsv")
    conda:
        "../../envs/radiomics.yaml"
    resources:
        mem_mb=partial(megabytes_for_size, copies=60),
        runtime=partial(minutes_for_size, minutes_per_megavoxel=20),
    params:
        map_names=map_names_to_perturb,
        reference=PERTURBED,
        identity=session_identity,
        preset=FISCONE["presets"][0],
        options=preset_options(FISCONE["presets"][0]),
        engine=config["radiomics"]["engine"],
        isolated_voxels=config["radiomics"]["isolated_voxels"],
        perturbations=FISCONE["perturbations"],
        seed=FISCONE["seed"],
        on_failure=radiomics_on_failure,
        raw=raw_files_unrecorded,
        simulated=is_simulated,
    script:
        "../../scripts/robustness/perturb_session.py"


rule compute_icc:
    """Compute the agreement of every feature, its intervals, and which features are robust (Fiscone et al. 2023)."""
    input:
        features=robustness_features,
    output:
        icc="results/robustness/icc.parquet",
        tables=[f"results/robustness/{name}" for name in AGREEMENT_TABLES],
        whitelist="results/robustness/robust_feature_whitelist.tsv",
    log:
        "results/logs/compute_icc.log",
    benchmark:
        "results/benchmarks/compute_icc.tsv"
    conda:
        "../../envs/statistics.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=FISCONE_SETTINGS,
        phenotypes=phenotypes("group", FISCONE["group_column"]),
    script:
        "../../scripts/robustness/compute_icc.py"


rule describe_tracts:
    """Collect volumes and textures of the regions on the reference map, and the trends among tracts (Fig. 4, Table 2)."""
    input:
        features=robustness_features,
        optimal="results/robustness/optimal_gray_level.tsv",
        brain_volumes=when_asked(brain_volumes),
        brain_masks=when_asked(brain_masks),
    output:
        distributions="results/robustness/distributions.parquet",
        tables=[f"results/robustness/{name}" for name in TRACT_TABLES],
    log:
        "results/logs/describe_tracts.log",
    benchmark:
        "results/benchmarks/describe_tracts.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=FISCONE_SETTINGS,
        phenotypes=phenotypes("group", FISCONE["group_column"]),
        with_t1w=identities(sessions_with_t1w()),
        without_t1w=identities(sessions_without_t1w()),
    script:
        "../../scripts/robustness/describe_tracts.py"


rule write_fiscone2023:
    """Write the paper's tables under its own numbers, the published values beside, and what departs from it."""
    input:
        features=robustness_features,
        tables=[f"results/robustness/{name}" for name in ("icc.parquet", *AGREEMENT_TABLES, *TRACT_TABLES)],
    output:
        readme="results/papers/fiscone2023/README.md",
        table1="results/papers/fiscone2023/table1.tsv",
        table2="results/papers/fiscone2023/table2.tsv",
        published="results/papers/fiscone2023/published.tsv",
    log:
        "results/logs/write_fiscone2023.log",
    benchmark:
        "results/benchmarks/write_fiscone2023.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=FISCONE_SETTINGS,
        phenotypes=phenotypes("group", FISCONE["group_column"]),
        simulated=FROM_SIMULATED,
        source=name_of_cohort,
        protocols=fiscone_protocols(),
    script:
        "../../scripts/robustness/write_fiscone2023.py"


rule draw_fiscone2023:
    """Draw the paper's figures that come from tables (Fig 2 to 4 and 6, S1 to S9)."""
    input:
        "results/papers/fiscone2023/published.tsv",
        [
            f"results/robustness/{name}"
            for name in ("icc.parquet", "distributions.parquet", "volumes.tsv", *AGREEMENT_TABLES)
        ],
    output:
        report(
            [f"results/papers/fiscone2023/figure{name}.png" for name in main_figures(FISCONE_DRAWN)],
            caption="../report/fiscone2023.rst",
            category="Fiscone 2023",
        ),
        [f"results/papers/fiscone2023/figure{name}.png" for name in supplementary_figures(FISCONE_DRAWN)],
    log:
        "results/logs/draw_fiscone2023.log",
    benchmark:
        "results/benchmarks/draw_fiscone2023.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=FISCONE_SETTINGS,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/robustness/draw_fiscone2023.py"


rule place_chi_atlas:
    """Put the χ atlas of the controls among the paper's figures (Fig 5)."""
    input:
        png="results/qc/chi_atlas.png",
        svg="results/qc/chi_atlas.svg",
    output:
        png=report(
            "results/papers/fiscone2023/figure5.png", caption="../report/fiscone2023.rst", category="Fiscone 2023"
        ),
        svg="results/papers/fiscone2023/figure5.svg",
    log:
        "results/logs/place_chi_atlas.log",
    localrule: True
    conda:
        "../../envs/statistics.yaml"
    shell:
        "cp {input.png} {output.png} 2> {log} && cp {input.svg} {output.svg} 2>> {log}"


rule draw_tract_variance:
    """Draw the variance of χ in the corticospinal tract over the template and over the atlas (Fig S2 to S5)."""
    input:
        mean="results/anatomy/desc-mean_Chimap.nii.gz",
        variance="results/anatomy/desc-variance_Chimap.nii.gz",
        coverage="results/anatomy/desc-count_Chimap.nii.gz",
        tracts=atlas_folders().get("tracts", []),
    output:
        png=[f"results/papers/fiscone2023/figure{name}.png" for name in FISCONE_OVERLAYS],
        svg=[f"results/papers/fiscone2023/figure{name}.svg" for name in FISCONE_OVERLAYS],
    log:
        "results/logs/draw_tract_variance.log",
    benchmark:
        "results/benchmarks/draw_tract_variance.tsv"
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        names=FISCONE_OVERLAYS,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/anatomy/draw_tract_variance.py"
