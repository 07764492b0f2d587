"""Cross-validate a batch of models, each under one scheme: a chunk of its repeats."""

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import read_frame
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import chunk, complete_settings, count_repeats, list_models
from chiomics.diagnosis.tables import write_tidy

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
models, cohort = list_models(settings), read_frame(snakemake.input.cohort)
predictions, selected = [], []
for number, (model, scheme, part) in enumerate(snakemake.params.jobs, start=1):
    repeats = chunk(count_repeats(settings, scheme), settings["repeats_per_job"], part)
    found = evaluate(cohort, models[model], settings, scheme=scheme, repeats=repeats)
    predictions.append(found.predictions)
    selected.append(found.selected)
    log.info("%d of %d: %s, %s, %d repeats", number, len(snakemake.params.jobs), model, scheme, len(repeats))
for tables, path in ((predictions, snakemake.output.predictions), (selected, snakemake.output.selected)):
    write_tidy(pd.concat(tables, ignore_index=True), path)
