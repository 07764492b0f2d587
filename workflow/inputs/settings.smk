"""Checks the configuration before anything reads it."""

import os
from contextlib import contextmanager

import yaml
from chiomics.anatomy import settings as anatomy_settings
from chiomics.core.errors import InputError
from chiomics.core.renamed import check_renamed
from chiomics.core.settings import check_against_schema
from chiomics.qsm import settings as qsm_settings
from chiomics.radiomics import checks as radiomics_settings
from chiomics.robustness import checks as robustness_settings
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


@contextmanager
def bad_input_explained():
    """Let bad input stop the workflow with its message alone, without the calls that led there."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error)) from None


#: Folder of this workflow, also where another one uses it as a module.
ROOT = os.path.normpath(os.path.join(workflow.current_basedir.get_path_or_uri(secret_free=True), "..", ".."))
SCHEMA = workflow.source_path("../schemas/config.schema.yaml")

with bad_input_explained():
    check_renamed(config)
    with open(SCHEMA, encoding="utf-8") as lines:
        check_against_schema(config, yaml.safe_load(lines))
validate(config, SCHEMA)

# Jobs get what the main process has checked.
if workflow.is_main_process:
    with bad_input_explained():
        qsm_settings.check_settings(config["qsm"])
        anatomy_settings.check_settings(config["anatomy"])
        radiomics_settings.check_settings(config["radiomics"])
        robustness_settings.check_settings(config["papers"]["fiscone2023"])
