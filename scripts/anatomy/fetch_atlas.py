"""A public atlas, from the network once and from the cache afterwards."""

import shutil

from chiomics.anatomy.atlases.fetch import default_cache, fetch_atlas
from chiomics.core.logs import start_log

start_log(snakemake.log[0])
atlas = fetch_atlas(snakemake.wildcards.atlas, snakemake.params.cache or default_cache())
shutil.copytree(atlas.folder, snakemake.output.folder, dirs_exist_ok=True)
