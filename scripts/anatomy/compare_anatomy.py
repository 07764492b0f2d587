"""Volumes, places and registrations of all sessions as one table and picture, with the outliers."""

import pandas as pd

from chiomics.anatomy.cohort.figure import draw_cohort, tabulate_anatomy
from chiomics.anatomy.session.vois import write_table
from chiomics.core.files import read_sidecar
from chiomics.core.logs import start_log

log = start_log(snakemake.log[0])


def by_session(read, paths):
    """Read a file of each session."""
    return {name: read(path) for name, path in zip(snakemake.params.sessions, paths, strict=True)}


def read_table(path):
    """Read a table of a session."""
    return pd.read_csv(path, sep="\t")


inputs = snakemake.input
frame = tabulate_anatomy(
    by_session(read_table, inputs.volumes), by_session(read_table, inputs.consistency),
    by_session(read_sidecar, inputs.sidecars),
)  # fmt: skip
write_table(snakemake.output.table, frame)
draw_cohort(frame, snakemake.output.figure, simulated=snakemake.params.simulated, left_out=snakemake.params.left_out)
log.info("%d of %d sessions have outliers", (frame["outliers"] != "").sum(), len(frame))
