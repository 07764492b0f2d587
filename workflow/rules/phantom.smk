"""Phantom: the embedded cohort of simulated subjects, the input where the configuration names none."""


rule phantom:
    """Simulate every subject of the cohort."""
    input:
        phantom_targets(),


rule describe_cohort:
    """Write what belongs to the simulated cohort as a whole: description, participants and the known answers."""
    output:
        description=f"{COHORT}/dataset_description.json",
        participants=f"{COHORT}/participants.tsv",
    log:
        "results/logs/describe_cohort.log",
    benchmark:
        "results/benchmarks/describe_cohort.tsv"
    conda:
        "../../envs/phantom.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        recipe=RECIPE,
    script:
        "../../scripts/phantom/describe_cohort.py"


rule simulate_subject:
    """Simulate one subject with its truth maps; the literature values stand in src/chiomics/phantom."""
    output:
        phantom_files("{participant}"),
    log:
        "results/logs/{participant}/{participant}_simulate_subject.log",
    benchmark:
        "results/benchmarks/{participant}/{participant}_simulate_subject.tsv"
    conda:
        "../../envs/phantom.yaml"
    resources:
        mem_mb=int(MIN_MEGABYTES + 60 * 4 * finest_megavoxels()),
        runtime=int(10 + 5 * finest_megavoxels()),
    params:
        recipe=RECIPE,
    script:
        "../../scripts/phantom/simulate_subject.py"


rule write_phantom_atlas:
    """Write the shapes that every simulated subject is a deformed copy of, as atlases of nuclei and tracts."""
    output:
        nuclei=directory(f"{COHORT}/derivatives/atlas/nuclei"),
        tracts=directory(f"{COHORT}/derivatives/atlas/tracts"),
    log:
        "results/logs/write_phantom_atlas.log",
    benchmark:
        "results/benchmarks/write_phantom_atlas.tsv"
    conda:
        "../../envs/phantom.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../../scripts/phantom/write_phantom_atlas.py"
