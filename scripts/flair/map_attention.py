"""Where the networks of the folds look at the sessions that they were tested on."""

import numpy as np

from chiomics.core.files import atomic_write
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.attention import summarise_attention
from chiomics.flair.study.networks.kept_models import map_study

log = start_log(snakemake.log[0])
study, settings = snakemake.wildcards.study, snakemake.params.settings
scores, maps = map_study(Prepared.read([snakemake.input.images]), snakemake.input.models, study, settings)
summary = summarise_attention(scores)
write_frame(scores, snakemake.output.scores, missing="n/a")
write_frame(summary, snakemake.output.summary, missing="n/a")
with atomic_write(snakemake.output.maps) as temporary, temporary.open("wb") as file:
    np.savez_compressed(file, **maps)
log.info("%d maps", len(scores))
