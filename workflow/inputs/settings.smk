"""Completes and checks the configuration before anything reads it."""

import os
from contextlib import contextmanager

from chiomics.configuration import check_configuration, complete_configuration
from chiomics.core.errors import InputError
from snakemake.exceptions import WorkflowError


class BadInput(WorkflowError):
    """Shown with its message alone: the lines of these files that led there tell a user nothing."""

    __traceback__ = property(lambda self: None, lambda self, calls: None)


@contextmanager
def bad_input_explained():
    """Let bad input stop the workflow with its message alone, without the calls that led there."""
    try:
        yield
    except InputError as error:
        raise BadInput(str(error)) from None


#: Folder of this workflow, also where another one uses it as a module.
ROOT = os.path.normpath(os.path.join(workflow.current_basedir.get_path_or_uri(secret_free=True), "..", ".."))


def beside_snakefile(path):
    """Resolve a path of the configuration, so that --directory moves the results and not the input."""
    return path and os.path.normpath(os.path.join(workflow.basedir, path))


# Jobs get what the main process has checked.
with bad_input_explained():
    config.update(complete_configuration(config))
    if workflow.is_main_process:
        check_configuration(config, beside_snakefile)
