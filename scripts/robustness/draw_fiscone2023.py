"""The figures of Fiscone et al. (2023) that come from tables, under the paper's numbers."""

from pathlib import Path

from chiomics.core.figures import save_figures
from chiomics.core.logs import start_log
from chiomics.robustness.counts import reported_setting
from chiomics.robustness.fiscone2023.figure2 import draw_gray_levels, draw_subsets
from chiomics.robustness.fiscone2023.figure3 import draw_robust
from chiomics.robustness.fiscone2023.figure4 import draw_distributions, texture_panels
from chiomics.robustness.fiscone2023.figure6 import draw_sides
from chiomics.robustness.fiscone2023.figure_published import draw_published
from chiomics.robustness.fiscone2023.figure_s1 import draw_matrix
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import read_table

log = start_log(snakemake.log[0])
tables = {Path(path).name: read_table(path) for path in snakemake.input}
settings = Settings.from_config(snakemake.params.settings)
optimal, counts = tables["optimal_gray_level.tsv"], tables["counts.tsv"]
setting = reported_setting(optimal, settings)
threshold = {"threshold": settings.threshold}
at_setting = {"setting": setting, "whole": settings.whole} | threshold

values = tables["distributions.parquet"]
nonuniformity = "GrayLevelNonUniformity"
texture = {
    "figureS6": texture_panels(values, ["glcm", "glrlm"], but=nonuniformity),
    "figureS7": texture_panels(values, ["glszm", "ngtdm", "gldm"], but=nonuniformity),
    "figureS8": texture_panels(values, ["glrlm", "glszm", "gldm"], only=nonuniformity),
}
figures = {
    "figure2": draw_gray_levels(optimal, counts),
    "figure2_subsets": draw_subsets(optimal, counts, wanted=["all", *settings.groups]),
    "figure3": draw_robust(counts, tables["published.tsv"], **at_setting),
    "figure4": draw_distributions(values, tables["volumes.tsv"], whole=settings.whole),
    "figure6": draw_sides(tables["sides.tsv"], **at_setting),
    "figureS1": draw_matrix(tables["icc.parquet"], **at_setting),
    "figureS9": draw_matrix(tables["icc.parquet"], sides="separate", **at_setting),
    "figure_published": draw_published(tables["published.tsv"], whole=settings.whole, **threshold),
} | {name: draw_distributions(values, panels=panels, whole=settings.whole) for name, panels in texture.items()}
folder = Path(snakemake.output[0]).parent
save_figures(figures, folder, simulated=snakemake.params.simulated)
log.info("%d figures in %s", len(figures), folder)
