"""Every feature of every session against the cohort's median, and the outliers."""

from chiomics.core.logs import start_log
from chiomics.radiomics.qc import largest_scores, outliers, plot_heat_map
from chiomics.radiomics.session import read_sessions
from chiomics.radiomics.tables import write_table

log = start_log(snakemake.log[0])
scores, described = largest_scores(read_sessions(snakemake.input.features))
plot_heat_map(scores, snakemake.output.figure, title=described, simulated=snakemake.params.simulated)
listed = outliers(scores)
write_table(listed, snakemake.output.outliers)
log.info("%d outliers of %d values", len(listed), scores.notna().to_numpy().sum())
