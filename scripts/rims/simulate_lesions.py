"""The training lesions of a batch of simulated subjects: scanned one by one, inverted, measured."""

import numpy as np
import pandas as pd

from chiomics.core.images import voxel_size
from chiomics.core.logs import start_log
from chiomics.phantom.lesions.patches import simulate_boxes
from chiomics.qsm.inversions.tv import tv
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.lesions.files import assemble, write_lesions
from chiomics.rims.lesions.patches import scale_flair
from chiomics.rims.lesions.ratings import find_consensus
from chiomics.rims.lesions.table import measure_lesions

log = start_log(snakemake.log[0])
recipe, settings = snakemake.params.recipe, snakemake.params.settings
rows, features, patches, reasons = [], [], [], []
for participant in snakemake.params.participants:
    for number, box in enumerate(simulate_boxes(recipe, participant), start=1):
        chi, labels = box.refer(tv(box.field, **box.inversion_input())), box.lesion.astype(np.uint8)
        flair = scale_flair(box.flair, box.white)
        options = {key: settings["patch"][key] for key in ("shape", "surroundings")}
        (row,), (patch,) = measure_lesions(1000 * chi, flair, labels, box.affine, **options)
        values, why = label_features(chi, labels, spacing=voxel_size(box.affine))
        identity = {"participant_id": participant, "session_id": "", "run": ""}
        known = {"simulated": True, "cohort": "simulated lesions", "source": "truth"}
        truth = {f"rater_{key[-1]}" if key.startswith("rater") else key: value for key, value in box.truth.items()}
        rows.append({**identity, **row, "lesion": number, **truth, **known})
        features.append(values)
        patches.append(patch)
        reasons += why.values()
    log.info("%s: %d lesions so far", participant, len(rows))

table = pd.DataFrame(rows)
raters = [column for column in table if column.startswith("rater_")]
table["consensus"] = find_consensus(table[raters].to_numpy(float), rule=settings["consensus"])
write_lesions(assemble(table, pd.concat(features), patches, shape=settings["patch"]["shape"]), snakemake.output)
log.info("%d lesions, %d too small for features", len(table), len(reasons))
