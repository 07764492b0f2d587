"""Evaluate a batch of models, each under one scheme, on cohorts whose labels are permuted: a chunk of them."""

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import read_frame
from chiomics.diagnosis.models import chunk, complete_settings, list_models
from chiomics.diagnosis.performance.permutation import permute
from chiomics.diagnosis.tables import write_tidy

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
models, cohort = list_models(settings), read_frame(snakemake.input.cohort)
tables = []
for number, (model, scheme, part) in enumerate(snakemake.params.jobs, start=1):
    numbers = chunk(settings["permutations"], settings["permutations_per_job"], part)
    tables.append(permute(cohort, models[model], settings, scheme=scheme, permutations=numbers))
    mean = tables[-1]["auc"].mean()
    log.info("%d of %d: %s, %s, mean AUC %.3f", number, len(snakemake.params.jobs), model, scheme, mean)
write_tidy(pd.concat(tables, ignore_index=True), snakemake.output.permuted)
