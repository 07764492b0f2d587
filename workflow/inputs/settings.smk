"""Completes and checks the configuration before anything reads it."""

import os
from contextlib import contextmanager

from chiomics.configuration import check_configuration, complete_configuration
from chiomics.core.errors import OF_THE_DISK, InputError
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
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        raise BadInput(f"{error.filename or 'the disk'}: {error.strerror}") from None


#: Folder of this workflow, also where another one uses it as a module.
ROOT = os.path.normpath(os.path.join(workflow.current_basedir.get_path_or_uri(secret_free=True), "..", ".."))


#: Where relative paths of the configuration start, so that --directory moves the results and not the input: the
#: Snakefile's folder. Nobody keeps data in that of an installed package: there it is the folder of the run.
INSTALLED = not os.path.isdir(os.path.join(ROOT, "src"))
PATHS_START = os.getcwd() if INSTALLED and str(workflow.basedir) == ROOT else str(workflow.basedir)


def beside_snakefile(path):
    """Resolve a path of the configuration."""
    return path and os.path.normpath(os.path.join(PATHS_START, path))


# Jobs get what the main process has checked.
with bad_input_explained():
    config.update(complete_configuration(config))
    if workflow.is_main_process:
        check_configuration(config, beside_snakefile)
