"""Finds the package that jobs import, in the one pip environment and in conda environments alike."""

import os

from snakemake.settings.types import DeploymentMethod

#: The package's sources in a checkout.
SOURCE = os.path.join(ROOT, "src")
#: Holds a link to the installed package alone: the rest of its environment has no place in conda's.
PACKAGE_ALONE = os.path.join(os.getcwd(), ".snakemake", "chiomics")


def link_package():
    """Make the link that jobs in conda environments import the installed package by."""
    package = os.path.dirname(ROOT)
    link = os.path.join(PACKAGE_ALONE, "chiomics")
    if os.path.realpath(link) != os.path.realpath(package):
        os.makedirs(PACKAGE_ALONE, exist_ok=True)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(package, link)


IN_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
if not INSTALLED or IN_CONDA:
    places = [PACKAGE_ALONE if INSTALLED else SOURCE, os.environ.get("PYTHONPATH")]
    os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, places)))
