"""Train a batch of networks."""

import time
from pathlib import Path

import pandas as pd

from chiomics.core.learning.device import choose_device
from chiomics.core.learning.weights import save_model
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.training import CURVE, PREDICTIONS, train_once, why_not_trained
from chiomics.flair.study.trainings import Training, keeps_model, name_of_model

log = start_log(snakemake.log[0])
settings = snakemake.params.settings
prepared = Prepared.open([snakemake.input.images])
device = choose_device(settings["device"])
places = {"device": device, "checkpoints": snakemake.params.checkpoints, "heads": snakemake.input.heads or None}
predictions, curves = [], []
models = Path(snakemake.output.models)
models.mkdir(parents=True, exist_ok=True)
started, count = time.monotonic(), len(snakemake.params.trainings)
for number, fields in enumerate(snakemake.params.trainings, start=1):
    training = Training(**fields)
    if why := why_not_trained(prepared, settings, training):
        log.warning("%s left out of the training: %s", settings["scanners"][training.fold], why)
        continue
    found, curve, model = train_once(prepared, settings, training, **places)
    if keeps_model(training, settings):
        save_model(models / name_of_model(training), model.state_dict(), fields)
    predictions.append(found)
    curves.append(curve)
    left = (time.monotonic() - started) / number * (count - number)
    log.info("%d of %d trained, %.0f s left: %s", number, count, left, fields)
for columns, parts, path in (
    (PREDICTIONS, predictions, snakemake.output.predictions),
    (CURVE, curves, snakemake.output.curves),
):
    write_frame(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns), path)
