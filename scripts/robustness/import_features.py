"""Features from elsewhere: wide tables turned into one tidy table by a map of their columns."""

from chiomics.core.logs import start_log
from chiomics.robustness.wide_tables import import_wide, read_column_map

log = start_log(snakemake.log[0])
rows = import_wide(snakemake.input.tables, read_column_map(snakemake.input.column_map), snakemake.output.features)
log.info("%d values from %d tables", rows, len(snakemake.input.tables))
