"""Volumes, first-order and texture features of the regions on the reference map, and the trends among tracts."""

from pathlib import Path

import pandas as pd

from chiomics.core.features.columns import SESSION
from chiomics.core.features.table import open_features
from chiomics.core.logs import start_log
from chiomics.robustness.fiscone2023.study import describe_tracts
from chiomics.robustness.fiscone2023.volumes import brain_volumes_of_anatomy, brain_volumes_of_masks
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import read_table, write_table

log = start_log(snakemake.log[0])
brain_volumes = []
for read, sessions, paths in (
    (brain_volumes_of_anatomy, snakemake.params.with_t1w, snakemake.input.brain_volumes),
    (brain_volumes_of_masks, snakemake.params.without_t1w, snakemake.input.brain_masks),
):
    if sessions:
        brain_volumes.append(read(pd.DataFrame(sessions, columns=SESSION).assign(path=list(paths))))
without = ["_".join(filter(None, session)) for session in snakemake.params.without_t1w]
if without:
    said = "%d sessions have no T1w: their volumes are in proportion to the GRE's brain mask, which may be a slab: %s"
    log.warning(said, len(without), ", ".join(without))
tables = describe_tracts(
    open_features(list(snakemake.input.features)),
    read_table(snakemake.input.optimal),
    Settings.from_config(snakemake.params.settings),
    pd.concat(brain_volumes, ignore_index=True) if brain_volumes else None,
)
folder = Path(snakemake.output.distributions).parent
for name, table in tables.items():
    write_table(table, folder / name)
    log.info("%s: %d rows", name, len(table))
