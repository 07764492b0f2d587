"""Files of the simulated cohort as a whole: description, participants and the known answers."""

from pathlib import Path

from chiomics.core.logs import start_log
from chiomics.phantom import write_dataset_files

start_log(snakemake.log[0])
write_dataset_files(snakemake.params.recipe, Path(snakemake.output.description).parent)
