"""Features from elsewhere: wide tables turned into one tidy table by a map of their columns."""

from chiomics.core.features.table import import_features
from chiomics.core.features.wide import read_column_map
from chiomics.core.logs import start_log

log = start_log(snakemake.log[0])
rows = import_features(snakemake.input.tables, read_column_map(snakemake.input.column_map), snakemake.output.features)
log.info("%d values from %d tables", rows, len(snakemake.input.tables))
