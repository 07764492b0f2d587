"""Every feature of every session against the cohort's median, and the outliers."""

from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.radiomics.qc import largest_scores, outliers, plot_heat_map
from chiomics.radiomics.tables import SessionTables

log = start_log(snakemake.log[0])
scores, described = largest_scores(SessionTables(snakemake.input.features))
plot_heat_map(scores, snakemake.output.figure, title=described, simulated=snakemake.params.simulated)
listed = outliers(scores)
write_frame(listed, snakemake.output.outliers)
log.info("%d outliers of %d values", len(listed), scores.notna().to_numpy().sum())
