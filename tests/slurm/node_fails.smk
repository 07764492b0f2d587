"""Two jobs that are at work when one is cancelled and the node of the other goes down, one before them and one after."""


rule all:
    input:
        "cancelled.txt",
        "caught.txt",
        "after.txt",


rule before:
    output:
        "before.txt",
    shell:
        "touch {output}"


rule cancelled:
    input:
        "before.txt",
    output:
        "cancelled.txt",
    priority: 2
    shell:
        "touch cancelled.begun; test -e again || sleep 300; touch {output}"


rule caught:
    input:
        "before.txt",
    output:
        "caught.txt",
    priority: 2
    shell:
        "touch caught.begun; test -e again || sleep 300; touch {output}"


rule after:
    input:
        "before.txt",
    output:
        "after.txt",
    shell:
        "touch {output}"
