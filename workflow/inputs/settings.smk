"""Checks the configuration before anything reads it."""

import os
from contextlib import contextmanager

from chiomics.core.errors import InputError
from chiomics.core.renamed import check_renamed
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


@contextmanager
def bad_input_explained():
    """Let bad input stop the workflow with its message alone, without the calls that led there."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error)) from None


with bad_input_explained():
    check_renamed(config)
validate(config, "../schemas/config.schema.yaml")
