"""An atlas checked, cut to its structures, and with its way to the template; once for all runs of a user."""

from chiomics.anatomy.atlases.fetch import default_cache
from chiomics.anatomy.atlases.prepared_cache import prepare_once
from chiomics.anatomy.registration.settings import settings
from chiomics.core.logs import start_log

start_log(snakemake.log[0])
chosen = snakemake.params.registration
prepare_once(
    snakemake.input.source,
    snakemake.output.folder,
    settings=settings(chosen["preset"], {"program": chosen["program"], **chosen["parameters"]}),
    cache_dir=(snakemake.params.cache or default_cache()) if snakemake.params.is_kept else None,
)
