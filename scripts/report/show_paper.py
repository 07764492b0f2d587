"""The page of one study."""

from chiomics.core.logs import start_log
from chiomics.core.papers import read_captions
from chiomics.report.site.paper import show_paper

log = start_log(snakemake.log[0])
options = {key: snakemake.params[key] for key in ("title", "simulated")}
captions = read_captions(snakemake.params.wing)
show_paper(list(snakemake.input), snakemake.output.page, captions=captions, **options)
log.info("%s from %d files", snakemake.output.page, len(snakemake.input))
