"""The atlases of the simulated cohort: the nuclei and the tracts of its template."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from chiomics.core.logs import start_log
from chiomics.phantom.atlas_output import write_phantom_atlas

start_log(snakemake.log[0])
with TemporaryDirectory() as scratch:
    write_phantom_atlas(scratch)
    for name, written in (("nuclei", "dgm"), ("tracts", "tracts")):
        Path(snakemake.output[name]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(scratch, written), snakemake.output[name], dirs_exist_ok=True)
