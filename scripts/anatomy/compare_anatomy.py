"""Volumes, places and registrations of all sessions as one table and picture, with the outliers."""

import pandas as pd

from chiomics.anatomy.cohort.figure import draw_cohort, tabulate_anatomy
from chiomics.anatomy.session.vois import write_table
from chiomics.core.files import read_sidecar
from chiomics.core.logs import start_log

log = start_log(snakemake.log[0])


def read_sessions():
    """Read the files of one session after another."""
    inputs = snakemake.input
    files = (inputs.volumes, inputs.consistency, inputs.sidecars)
    for name, volumes, consistency, sidecar in zip(snakemake.params.sessions, *files, strict=True):
        yield name, pd.read_csv(volumes, sep="\t"), pd.read_csv(consistency, sep="\t"), read_sidecar(sidecar)


frame = tabulate_anatomy(read_sessions())
write_table(snakemake.output.table, frame)
draw_cohort(frame, snakemake.output.figure, simulated=snakemake.params.simulated, left_out=snakemake.params.left_out)
log.info("%d of %d sessions have outliers", (frame["outliers"] != "").sum(), len(frame))
