"""Train a batch of detectors, each on all folds of the subjects but one, and predict that one."""

from pathlib import Path

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.rims.detectors.lesions import check_lesions, read_lesions
from chiomics.rims.detectors.training import run_training

log = start_log(snakemake.log[0])
settings, files = snakemake.params.settings, snakemake.input
lesions = read_lesions(files.lesions, files.features, files.patches, files.masks)
check_lesions(lesions, folds=settings["folds"])
outcomes = []
for number, (arm, fold, seed) in enumerate(snakemake.params.trainings, start=1):
    log.info("%d of %d: %s, fold %d, seed %d", number, len(snakemake.params.trainings), arm, fold, seed)
    outcomes.append(run_training(arm, fold, seed, lesions, settings, checkpoints=Path(snakemake.params.checkpoints)))
write_frame(pd.concat([outcome.predictions for outcome in outcomes]), snakemake.output.predictions)
write_frame(pd.concat([outcome.curve for outcome in outcomes]), snakemake.output.curves)
write_frame(pd.DataFrame([outcome.timing for outcome in outcomes]), snakemake.output.timing)
for outcome in outcomes:
    for path in outcome.checkpoints:
        path.unlink(missing_ok=True)
