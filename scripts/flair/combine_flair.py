"""Scores of all trainings of a study, and of the models without a network."""

from pathlib import Path

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.cohort import choose_sessions
from chiomics.flair.study.combine import summarise_study

log = start_log(snakemake.log[0])
settings, study = snakemake.params.settings, snakemake.wildcards.study
prepared = Prepared.open([snakemake.input.images])
files = snakemake.input.matched
matched = choose_sessions(Prepared.read_tables(files), study, settings) if files else None
predictions, curves = (
    # A job whose only training could not be done leaves a table without rows, and without types.
    pd.concat([part for part in map(pd.read_parquet, paths) if len(part)], ignore_index=True)
    for paths in (snakemake.input.predictions, snakemake.input.curves)
)
predictions, tables = summarise_study(prepared, predictions, study, settings, matched=matched)
write_frame(predictions, snakemake.output.predictions)
write_frame(curves, snakemake.output.curves)
for path in snakemake.output.tables:
    write_frame(tables[Path(path).stem], path, missing="n/a")
log.info("%d scores", len(predictions))
