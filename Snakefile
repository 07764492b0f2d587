"""chiomics: from multi-echo GRE to susceptibility maps, radiomics and classifiers.

    snakemake --cores N                                          the embedded simulated cohort
    snakemake --cores N --config bids_dir=MY_BIDS --directory OUT    your own
    snakemake --cores N qsm                                      one stage
    snakemake --cores N fiscone2023                              one paper

Every key of the configuration is explained in config/README.md.
"""

import os

from snakemake.utils import min_version

min_version("9.27")


configfile: os.path.join(workflow.basedir, "config", "config.yaml")


include: "workflow/inputs/settings.smk"


if config["container"]:

    container: config["container"]


report: "workflow/report/workflow.rst"


include: "workflow/inputs/package.smk"
include: "workflow/inputs/common.smk"
include: "workflow/inputs/phantom.smk"
include: "workflow/inputs/qsm.smk"
include: "workflow/inputs/anatomy.smk"
include: "workflow/inputs/radiomics.smk"
include: "workflow/inputs/robustness.smk"
include: "workflow/inputs/diagnosis.smk"
include: "workflow/inputs/rims_lesions.smk"
include: "workflow/inputs/flair.smk"
include: "workflow/inputs/rims.smk"
include: "workflow/inputs/papers.smk"
include: "workflow/inputs/study.smk"
include: "workflow/inputs/report.smk"
include: "workflow/inputs/cluster.smk"
include: "workflow/inputs/plan.smk"
include: "workflow/inputs/targets.smk"


if SIMULATED:

    include: "workflow/rules/phantom.smk"


include: "workflow/rules/qsm.smk"
include: "workflow/rules/anatomy.smk"
include: "workflow/rules/radiomics.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/diagnosis.smk"
include: "workflow/rules/rims_lesions.smk"
include: "workflow/rules/flair.smk"
include: "workflow/rules/rims.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/study.smk"


rule all:
    """Make everything that the cohort can serve: maps, regions, features, studies and the pages to look through."""
    default_target: True
    input:
        [f"{COHORT}/participants.tsv"] if SIMULATED else [],
        when_asked(qsm_targets),
        rules.anatomy.input,
        when_asked(radiomics_targets),
        when_asked(lesion_tables),
        paper_files,
        rules.site.input,


grow_at_retries()
search_garbage_rarely()
remember_parameters()
confine_rules()
look_at_scripts_once()
say_numbers_of_quiet_plans()


onsuccess:
    close_study()


onerror:
    close_study()
    go_on_without_failed()
