"""Cross-validate one model under one scheme: a chunk of its repeats."""

import pandas as pd

from chiomics.core.images import whole_file
from chiomics.core.logs import start_log
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import chunk, complete_settings, count_repeats, list_models

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
model, scheme = snakemake.wildcards.model, snakemake.wildcards.scheme
repeats = chunk(count_repeats(settings, scheme), settings["repeats_per_job"], int(snakemake.wildcards.chunk))
found = evaluate(
    pd.read_parquet(snakemake.input.cohort), list_models(settings)[model], settings, scheme=scheme, repeats=repeats
)
for table, path in ((found.predictions, snakemake.output.predictions), (found.selected, snakemake.output.selected)):
    with whole_file(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")
log.info("%s, %s: %d repeats", model, scheme, len(repeats))
