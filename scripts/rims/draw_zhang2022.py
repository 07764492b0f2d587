"""The figures of Zhang et al. (2022) under the paper's numbers, and three on calibration, chance and errors."""

from pathlib import Path

import pandas as pd

from chiomics.core.figures import save_figures
from chiomics.core.logs import start_log
from chiomics.rims.detectors.lesions import read_lesions
from chiomics.rims.evaluation.lesion_level import order_of
from chiomics.rims.zhang2022 import figures_cohort as cohort
from chiomics.rims.zhang2022 import figures_network as network
from chiomics.rims.zhang2022 import figures_performance as shown
from chiomics.rims.zhang2022.facts import study_facts

log = start_log(snakemake.log[0])
settings, files = snakemake.params.settings, snakemake.input
lesions = read_lesions(files.lesions, files.features, files.patches, files.masks)
tables = {Path(path).stem: pd.read_csv(path, sep="\t") for path in files.tables}
tables["curves"], calls = pd.read_parquet(files.curves), pd.read_parquet(files.calls)
facts = study_facts(lesions, source=snakemake.params.source)
arm = "qsmrim" if "qsmrim" in settings["arms"] else order_of(tables["areas"])[0]
built = {"features": lesions.features.shape[1], "patch": lesions.masks.shape[1:]}
figures = {
    "figure1": cohort.draw_examples(lesions),
    "figure2": cohort.draw_annotation(lesions, facts),
    "figure3": cohort.draw_histogram(lesions),
    "figure4": network.draw_network(settings, **built),
    "figure5": network.draw_deepsmote(settings, **built),
    "figure6": shown.draw_curves(tables, facts["share"]),
    "figure7": shown.draw_counts(tables["subject_counts"], tables["subject_level"], arm),
    "figure8": cohort.draw_outcomes(lesions, calls, arm, rule="published"),
    "figureS1": shown.draw_calibration(tables),
    "figureS2": shown.draw_chance(tables["chance"]),
    "figureS3": shown.draw_errors(tables["error_analysis"], arm, rule="published"),
}
folder = Path(snakemake.output[0]).parent
save_figures(figures, folder, simulated=snakemake.params.simulated)
log.info("%d figures in %s", len(figures), folder)
