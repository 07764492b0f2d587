"""All models' evaluations together: the tables that the study's own tables and figures are made from."""

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import read_frame
from chiomics.diagnosis.contracts import PERMUTATION
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.study import summarise_study
from chiomics.diagnosis.tables import read_parts, write_tidy

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
models = list(list_models(settings))
predictions, selected = (read_parts(paths, models) for paths in (snakemake.input.predictions, snakemake.input.selected))
permuted = pd.DataFrame(columns=list(PERMUTATION))
if snakemake.input.permuted:
    permuted = read_parts(snakemake.input.permuted, models)
cohort = read_frame(snakemake.input.cohort)
for name, table in summarise_study(cohort, predictions, selected, permuted, settings).items():
    write_tidy(table, snakemake.output[name])
log.info("%d models, %d scores", predictions["model"].nunique(), len(predictions))
