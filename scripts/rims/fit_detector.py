"""Train the chosen detectors on all subjects, and write them as files that another site can apply."""

from pathlib import Path

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.rims.detectors.lesions import check_lesions, read_lesions
from chiomics.rims.detectors.model_file import save_detector
from chiomics.rims.detectors.training import name_training, train
from chiomics.rims.zhang2022.facts import card_facts

log = start_log(snakemake.log[0])
settings, files = snakemake.params.settings, snakemake.input
lesions = read_lesions(files.lesions, files.features, files.patches, files.masks)
check_lesions(lesions, folds=settings["folds"])
tables = {name: pd.read_csv(files[name], sep="\t") for name in ("areas", "performance", "review")}
calls = pd.read_parquet(files.calls)
for path in map(Path, snakemake.output):
    arm = path.stem
    checkpoint = name_training(Path(snakemake.params.checkpoints), arm, "all", lesions, settings, settings["seed"])
    detector = train(arm, lesions, settings, seed=settings["seed"], checkpoint=checkpoint)
    facts = card_facts(
        arm, lesions, calls, tables, source=snakemake.params.source, simulated=snakemake.params.simulated
    )
    save_detector(path, arm, detector, settings, facts)
    checkpoint.unlink(missing_ok=True)
    log.info("%s, trained on %d lesions, in %s", arm, len(lesions.table), path)
