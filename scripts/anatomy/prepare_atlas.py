"""An atlas checked, cut to its structures, and with its way to the template."""

from chiomics.anatomy.atlases.prepare import prepare_atlas
from chiomics.anatomy.registration.settings import settings
from chiomics.core.logs import start_log

start_log(snakemake.log[0])
chosen = snakemake.params.registration
overrides = {"program": chosen["program"], **chosen["parameters"]}
prepare_atlas(snakemake.input.source, snakemake.output.folder, settings=settings(chosen["preset"], overrides))
