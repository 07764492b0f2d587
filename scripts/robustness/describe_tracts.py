"""Volumes, first-order and texture features of the regions on the reference map, and the trends among tracts."""

from pathlib import Path

import pandas as pd

from chiomics.core.logs import start_log
from chiomics.robustness.feature_tables import SESSION, open_features
from chiomics.robustness.settings import Settings
from chiomics.robustness.study import describe_tracts
from chiomics.robustness.tables import read_table, write_table
from chiomics.robustness.volumes import brain_volumes_of_masks, read_brain_volumes

log = start_log(snakemake.log[0])
brain_volumes = None
if snakemake.input.get("brain_volumes"):
    brain_volumes = read_brain_volumes(snakemake.input.brain_volumes)
elif snakemake.input.get("brain_masks"):
    sessions = pd.DataFrame(snakemake.params.sessions, columns=SESSION)
    brain_volumes = brain_volumes_of_masks(sessions.assign(path=list(snakemake.input.brain_masks)))
tables = describe_tracts(
    open_features(list(snakemake.input.features)),
    read_table(snakemake.input.optimal),
    Settings.from_config(snakemake.params.settings),
    brain_volumes,
)
folder = Path(snakemake.output.distributions).parent
for name, table in tables.items():
    write_table(table, folder / name)
    log.info("%s: %d rows", name, len(table))
