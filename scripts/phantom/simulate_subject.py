"""One simulated subject: BIDS images and truth maps."""

from pathlib import Path

from chiomics.core.logs import start_log
from chiomics.phantom import simulate_subject

start_log(snakemake.log[0])
simulate_subject(snakemake.params.recipe, snakemake.wildcards.participant, Path(snakemake.output[0]).parents[2])
