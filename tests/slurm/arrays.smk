"""Jobs of two rules that may go as arrays; each says which array it was part of."""


rule all:
    input:
        expand("after_{n}.txt", n=range(3)),


rule before:
    output:
        "before_{n}.txt",
    resources:
        mem_mb=600,
        runtime=5,
    shell:
        "echo array ${{SLURM_ARRAY_JOB_ID:-none}} > {output}"


rule after:
    input:
        "before_{n}.txt",
    output:
        "after_{n}.txt",
    resources:
        mem_mb=600,
        runtime=5,
    shell:
        "echo array ${{SLURM_ARRAY_JOB_ID:-none}} > {output}"
