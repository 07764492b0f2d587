"""The life of a study: what its results hold that the cohort no longer needs (docs/study.md)."""


rule prune:
    """List results that the cohort no longer needs; with `prune: move` studies out of date go to the attic."""
    log:
        "results/logs/prune.log",
    localrule: True
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        results=RESULTS,
        move=config["prune"] == "move",
    script:
        "../../scripts/study/prune.py"
