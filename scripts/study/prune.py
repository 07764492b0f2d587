"""List what the cohort no longer needs, and move it to the attic where that is asked for."""

from chiomics.core.logs import start_log
from chiomics.study.prune import prune

log = start_log(snakemake.log[0])
for line in prune(snakemake.params.results, move=snakemake.params.move) or ["nothing is set aside or out of date"]:
    print(line, flush=True)
    log.debug(line)
