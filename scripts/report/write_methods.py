"""What was done in this run, in words, with the papers to cite."""

from pathlib import Path

from chiomics.core.logs import start_log
from chiomics.report.methods.text import write_methods

log = start_log(snakemake.log[0])
files, params = snakemake.input, snakemake.params
beside = [Path(path).with_suffix(".json") for path in files.features]
write_methods(
    snakemake.output.text, snakemake.output.bibliography, maps=files.maps, anatomy=files.anatomy, features=beside,
    sessions=params.sessions, left_out=params.left_out, papers=params.papers, simulated=params.simulated,
)  # fmt: skip
log.info("from %d maps, %d sessions with regions, %d tables", len(files.maps), len(files.anatomy), len(beside))
