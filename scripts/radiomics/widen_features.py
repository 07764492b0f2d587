"""The cohort's features as one table with a column per feature."""

from chiomics.core.logs import start_log
from chiomics.radiomics.tables import SessionTables, write_wide

log = start_log(snakemake.log[0])
log.info("%d rows", write_wide(SessionTables(snakemake.input.features), snakemake.output.table))
