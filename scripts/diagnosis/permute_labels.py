"""Evaluate one model under one scheme on a chunk of cohorts whose labels are permuted."""

import pandas as pd

from chiomics.core.images import whole_file
from chiomics.core.logs import start_log
from chiomics.diagnosis.models import chunk, complete_settings, list_models
from chiomics.diagnosis.permutation import permute

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
model, scheme = snakemake.wildcards.model, snakemake.wildcards.scheme
numbers = chunk(settings["permutations"], settings["permutations_per_job"], int(snakemake.wildcards.chunk))
cohort = pd.read_parquet(snakemake.input.cohort)
permuted = permute(cohort, list_models(settings)[model], settings, scheme=scheme, permutations=numbers)
with whole_file(snakemake.output.permuted) as temporary:
    permuted.to_parquet(temporary, index=False, compression="zstd")
log.info("%s, %s: mean AUC of %d permuted cohorts %.3f", model, scheme, len(permuted), permuted["auc"].mean())
