"""Bring all trainings together: calls, curves, performance per lesion and subject, calibration, errors, chance."""

from pathlib import Path

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.forest import keep_what_is_read
from chiomics.rims.detectors.lesions import read_lesions
from chiomics.rims.detectors.training import train
from chiomics.rims.evaluation.chance import CHECKED, check_chance, leak_check
from chiomics.rims.evaluation.study import evaluate

log = start_log(snakemake.log[0])
settings, files = snakemake.params.settings, snakemake.input
lesions = read_lesions(files.lesions, files.features, files.patches, files.masks)
predictions = pd.concat(map(pd.read_parquet, files.predictions), ignore_index=True)
tables = evaluate(predictions, lesions.table, settings)
tables["predictions"] = predictions
for name, paths in (("training", files.curves), ("timing", files.timing)):
    parts = [pd.read_csv(path, sep="\t") for path in paths if Path(path).stat().st_size > 1]
    tables[name] = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"arm": []})
quick = {**settings, "trees": settings["permutation_trees"]}
counts = {"permutations": settings["permutations"], "repeats": settings["leak_repeats"]}
checked = []
for arm in CHECKED:
    known = keep_what_is_read(lesions, ARMS[arm].features)
    checked.append(
        check_chance(known, lambda own, seed, arm=arm: train(arm, own, quick, seed=seed), settings, arm=arm, **counts)
    )
tables["chance"] = pd.concat(checked, ignore_index=True)
tables["leak_check"] = leak_check(tables["chance"])
for path in map(Path, snakemake.output):
    write_frame(tables[path.stem], path)
    log.info("%d rows in %s", len(tables[path.stem]), path)
