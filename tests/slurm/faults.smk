"""Jobs that end as jobs on a cluster do: well, with an error, killed for memory, over their time, and well when tried again."""


rule all:
    input:
        "ok.txt",
        "fails.txt",
        "memory.txt",
        "late.txt",
        "grows.txt",


rule ok:
    output:
        "ok.txt",
    shell:
        "touch {output}"


rule fails:
    output:
        "fails.txt",
    log:
        "fails.log",
    shell:
        "echo 'the phase is missing' > {log}; exit 3"


rule memory:
    output:
        "memory.txt",
    resources:
        mem_mb=700,
    shell:
        "python3 -c 'import time; x = bytearray(3 * 10**9); x[::4096] = bytes(len(x[::4096])); time.sleep(20)'; touch {output}"


rule late:
    output:
        "late.txt",
    resources:
        runtime=1,
    shell:
        "sleep 200; touch {output}"


rule grows:
    output:
        "grows.txt",
    retries: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    shell:
        "python3 -c 'import time; x = bytearray(8 * 10**8); x[::4096] = bytes(len(x[::4096])); time.sleep(5)'; touch {output}"
