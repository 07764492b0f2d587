"""Where the networks of the folds look at the sessions that they were tested on."""

from chiomics.core.learning.stack import write_archive
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.attention import summarise_attention
from chiomics.flair.study.networks.kept_models import map_study

log = start_log(snakemake.log[0])
study, settings = snakemake.wildcards.study, snakemake.params.settings
prepared = Prepared.open([snakemake.input.images])
with write_archive(snakemake.output.maps) as maps:
    scores, rows = map_study(prepared, snakemake.input.models, study, settings, maps.add)
    maps.put("rows", rows)
summary = summarise_attention(scores)
write_frame(scores, snakemake.output.scores, missing="n/a")
write_frame(summary, snakemake.output.summary, missing="n/a")
log.info("%d maps", len(scores))
