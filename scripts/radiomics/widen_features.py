"""The cohort's features as one table with a column per feature."""

from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.radiomics.session import read_sessions
from chiomics.radiomics.tables import widen

log = start_log(snakemake.log[0])
table = widen(read_sessions(snakemake.input.features))
write_frame(table, snakemake.output.table)
log.info("%d rows, %d columns", *table.shape)
