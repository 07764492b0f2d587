"""The pages of the cohort, and what all pages share."""

from chiomics.core.logs import start_log
from chiomics.report.site.cohort import read_outliers, show_cohort

log = start_log(snakemake.log[0])
files, params = snakemake.input, snakemake.params
show_cohort(
    files.facts, dict(snakemake.output.items()), name=params.cohort, outliers=read_outliers(files.outliers),
    papers=params.papers, papers_left_out=params.papers_left_out, pictures=files.pictures,
    predicted=files.predicted or None, lacks=params.lacks, simulated=params.simulated,
)  # fmt: skip
log.info("%d sessions, %d papers", len(files.facts), len(params.papers))
