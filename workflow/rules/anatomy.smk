"""Anatomy: from T1w, FLAIR, DWI and χ to the regions where radiomics is read, on the voxels of the gradient echo.

Methods and papers stand in the head of each file of src/chiomics/anatomy; see docs/anatomy.md. One job maps a small
session; larger ones take two, and a third where tracts are traced on diffusion images.
"""


rule anatomy:
    """Map the anatomy of every session, and of the cohort."""
    input:
        when_asked(anatomy_targets),


rule fetch_atlas:
    """Download a public atlas of the catalogue, pinned by its checksum, or take it from the cache."""
    output:
        folder=directory("results/atlases/fetched/{atlas}"),
    log:
        "results/logs/fetch_atlas_{atlas}.log",
    localrule: True
    conda:
        "../../envs/anatomy.yaml"
    params:
        cache=atlas_cache,
    script:
        "../../scripts/anatomy/fetch_atlas.py"


rule prepare_atlas:
    """Check an atlas, cut it to its structures, and find its way to the template, once per cohort."""
    input:
        source=atlas_source,
    output:
        folder=directory("results/atlases/{kind}"),
    log:
        "results/logs/prepare_atlas_{kind}.log",
    benchmark:
        "results/benchmarks/prepare_atlas_{kind}.tsv"
    wildcard_constraints:
        kind="nuclei|tracts",
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        registration=config["anatomy"]["registration"],
        cache=atlas_cache,
        is_kept=not SIMULATED,
    script:
        "../../scripts/anatomy/prepare_atlas.py"


for group, one_job, tracing, images in anatomy_groups():
    results = anatomy_results(images)
    if one_job:

        rule:
            """Take both steps below in one job: small images would spend more on starting two."""
            name:
                f"map_anatomy{group}"
            input:
                unpack(structural_files),
                brain_mask=brain_mask_of,
                chi=reference_chi,
                valid_mask=valid_mask,
                r2star=r2star_of,
                atlases=list(atlas_folders().values()),
            output:
                **results,
                segmentation=intermediate(directory(SEGMENTATION)),
                figure=ANATOMY_FIGURE,
            log:
                job_file("logs", "map_anatomy", ".log"),
            benchmark:
                job_file("benchmarks", "map_anatomy", ".tsv")
            conda:
                "../../envs/anatomy.yaml"
            resources:
                mem_mb=partial(megabytes_for_size, copies=200),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=10),
            params:
                on_failure=anatomy_on_failure,
                picture=FAILURE_PICTURE,
                settings=segmentation_settings,
                atlases=list(atlas_folders()),
                notes=notes_on_images,
                simulated=is_simulated,
            script:
                "../../scripts/anatomy/map_anatomy.py"

    else:

        rule:
            """Correct, extract, register and segment the structural images."""
            name:
                f"segment_anatomy{group}"
            input:
                unpack(structural_files),
                brain_mask=brain_mask_of,
                chi=reference_chi,
                nuclei=atlas_folders().get("nuclei", []),
            output:
                segmentation=intermediate(directory(SEGMENTATION)),
            log:
                job_file("logs", "segment_anatomy", ".log"),
            benchmark:
                job_file("benchmarks", "segment_anatomy", ".tsv")
            conda:
                "../../envs/anatomy.yaml"
            resources:
                mem_mb=partial(megabytes_for_size, copies=200),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=10),
            params:
                on_failure=anatomy_on_failure,
                picture=FAILURE_PICTURE,
                settings=segmentation_settings,
                simulated=is_simulated,
            script:
                "../../scripts/anatomy/segment_anatomy.py"

        if tracing:

            rule:
                """Trace the six tracts per side on the session's diffusion images, where MRtrix3 is (Fiscone et al. 2023)."""
                name:
                    f"trace_tracts{group}"
                input:
                    unpack(structural_files),
                    segmentation=SEGMENTATION,
                    bvec=gradient_directions,
                    atlas=atlas_folders()["tracts"],
                output:
                    traced=directory(TRACED),
                log:
                    job_file("logs", "trace_tracts", ".log"),
                benchmark:
                    job_file("benchmarks", "trace_tracts", ".tsv")
                conda:
                    "../../envs/anatomy.yaml"
                resources:
                    mem_mb=8000,
                    runtime=240,
                params:
                    on_failure=anatomy_on_failure,
                    settings=ANATOMY,
                script:
                    "../../scripts/anatomy/trace_tracts.py"

        rule:
            """Carry every region onto the voxels of the GRE, in one interpolation, and draw the page."""
            name:
                f"define_regions{group}"
            input:
                unpack(structural_files),
                segmentation=SEGMENTATION,
                traced=TRACED if tracing else [],
                brain_mask=brain_mask_of,
                chi=reference_chi,
                valid_mask=valid_mask,
                r2star=r2star_of,
                atlases=list(atlas_folders().values()),
            output:
                **results,
                figure=ANATOMY_FIGURE,
            log:
                job_file("logs", "define_regions", ".log"),
            benchmark:
                job_file("benchmarks", "define_regions", ".tsv")
            conda:
                "../../envs/anatomy.yaml"
            resources:
                mem_mb=partial(megabytes_for_size, copies=120),
                runtime=partial(minutes_for_size, minutes_per_megavoxel=4),
            params:
                on_failure=anatomy_on_failure,
                settings=ANATOMY,
                atlases=list(atlas_folders()),
                notes=notes_on_images,
                simulated=is_simulated,
            script:
                "../../scripts/anatomy/define_regions.py"


rule map_structural:
    """Tissue, and with a FLAIR or a mask lesions, of a session with T1w but without GRE, on the T1w's own grid."""
    input:
        unpack(structural_files),
    output:
        **STRUCTURAL_RESULTS,
        segmentation=intermediate(directory(STRUCTURAL_SEGMENTATION)),
        figure=STRUCTURAL_FIGURE,
    log:
        job_file("logs", "map_structural", ".log"),
    benchmark:
        job_file("benchmarks", "map_structural", ".tsv")
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=partial(megabytes_for_size, copies=200),
        runtime=partial(minutes_for_size, minutes_per_megavoxel=10),
    params:
        on_failure=anatomy_on_failure,
        picture=FAILURE_PICTURE,
        settings=segmentation_settings,
        notes=notes_on_images,
        simulated=is_simulated,
    script:
        "../../scripts/anatomy/map_structural.py"


rule compare_anatomy:
    """List and draw the volumes and places of every session's regions, and mark the outliers."""
    input:
        volumes=partial(anatomy_tables, VOLUMES),
        consistency=partial(anatomy_tables, CONSISTENCY),
        sidecars=partial(anatomy_tables, anatomy_results()["sidecar"]),
    output:
        table="results/qc/anatomy.tsv",
        figure=report(
            "results/qc/anatomy.png", caption="../report/anatomy.rst", category="Anatomy", labels={"session": "cohort"}
        ),
    log:
        "results/logs/compare_anatomy.log",
    benchmark:
        "results/benchmarks/compare_anatomy.tsv"
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=6000,
        runtime=20,
    params:
        sessions=[row["session"] for row in anatomy_sessions()],
        left_out=left_out_of_anatomy(),
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/anatomy/compare_anatomy.py"


use rule compare_anatomy as compare_structural with:
    input:
        volumes=partial(structural_tables, STRUCTURAL_RESULTS["volumes"]),
        consistency=partial(structural_tables, STRUCTURAL_RESULTS["consistency"]),
        sidecars=partial(structural_tables, STRUCTURAL_RESULTS["sidecar"]),
    output:
        table="results/qc/anatomy_T1w.tsv",
        figure=report(
            "results/qc/anatomy_T1w.png",
            caption="../report/anatomy.rst",
            category="Anatomy",
            labels={"session": "without GRE"},
        ),
    log:
        "results/logs/compare_structural.log",
    benchmark:
        "results/benchmarks/compare_structural.tsv"
    params:
        sessions=list(STRUCTURAL_SESSIONS),
        left_out=[],
        simulated=FROM_SIMULATED,


rule average_chi:
    """Average the controls' maps in template space, with their variance, overall and by tract (Fiscone et al. 2023)."""
    input:
        chi=partial(of_controls, reference_chi),
        valid_masks=partial(of_controls, valid_mask),
        segmentations=partial(of_controls, segmentation_of),
        references=partial(of_controls, reference_of),
        tracts=atlas_folders().get("tracts", []),
    output:
        mean="results/anatomy/desc-mean_Chimap.nii.gz",
        variance="results/anatomy/desc-variance_Chimap.nii.gz",
        coverage="results/anatomy/desc-count_Chimap.nii.gz",
        tracts="results/anatomy/desc-tracts_variance.tsv",
        figure=report(
            "results/qc/chi_atlas.png",
            caption="../report/anatomy.rst",
            category="Anatomy",
            labels={"session": "controls"},
        ),
        vector="results/qc/chi_atlas.svg",
    log:
        "results/logs/average_chi.log",
    benchmark:
        "results/benchmarks/average_chi.tsv"
    conda:
        "../../envs/anatomy.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=config["anatomy"]["chi_atlas"]["parameters"],
        groups=config["anatomy"]["chi_atlas"]["groups"],
        sessions=[row["session"] for row in control_sessions()],
        masked=[bool(valid_mask(wildcards_of(row))) for row in control_sessions()],
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/anatomy/average_chi.py"
