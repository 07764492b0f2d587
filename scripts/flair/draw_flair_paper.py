"""A paper's figures under its own numbers, and those that show what its evaluation hides."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from chiomics.core.figures import save_figures
from chiomics.core.learning.stack import open_archive
from chiomics.core.logs import start_log
from chiomics.flair.images.prepare import Prepared

log = start_log(snakemake.log[0])
study = snakemake.params.study
tables = {Path(path).stem: pd.read_csv(path, sep="\t") for path in snakemake.input.tables}
draw = import_module(f"chiomics.flair.{study}.figures").paper_figures
figures = draw(
    Prepared.open([snakemake.input.cohort]),
    tables,
    pd.read_parquet(snakemake.input.curves),
    pd.read_csv(snakemake.input.scores, sep="\t"),
    open_archive(snakemake.input.maps),
    snakemake.params.settings,
)
save_figures(figures, Path(snakemake.output[0]).parent, simulated=snakemake.params.simulated)
log.info("%d figures", len(figures))
