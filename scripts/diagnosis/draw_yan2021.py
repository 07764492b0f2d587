"""The figures of Yan et al. (2021) under the paper's numbers, and those that show what its recipe hides."""

from pathlib import Path

from chiomics.core.figures import left_out, save_figures
from chiomics.core.logs import start_log
from chiomics.core.tables import read_frame
from chiomics.diagnosis.estimators.site import say_site
from chiomics.diagnosis.models import complete_settings
from chiomics.diagnosis.tables import read_table
from chiomics.diagnosis.yan2021.enrolment import count_flow, read_sessions
from chiomics.diagnosis.yan2021.figure1 import draw_enrolment
from chiomics.diagnosis.yan2021.figure2 import draw_session
from chiomics.diagnosis.yan2021.figure4_5 import draw_figure4, draw_figure5
from chiomics.diagnosis.yan2021.figure_s1 import draw_null
from chiomics.diagnosis.yan2021.figure_s2_s3 import draw_counts, draw_stability
from chiomics.diagnosis.yan2021.figure_s4_s5 import draw_calibration, draw_decision
from chiomics.diagnosis.yan2021.tables import figure5_models, main_models

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
cohort = read_frame(snakemake.input.cohort)
tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
manifest = read_sessions(snakemake.params.manifest) if snakemake.params.manifest else None
session = [snakemake.input.get(name) for name in ("chi", "nuclei", "nuclei_table")]
nuclei, models = settings["nuclei"], list(main_models(settings))
of, tied = tables["performance"], say_site(tables["site"])
figures = {
    "figure1": draw_enrolment(count_flow(manifest, cohort, settings)),
    "figure2": draw_session(*session, nuclei) if all(session) else left_out("the study has no images of its own"),
    "figure4": draw_figure4(tables["roc"], of, nuclei, tied),
    "figure5": draw_figure5(tables["roc"], of, figure5_models(settings), tied),
    "figureS1": draw_null(tables["permutation"], of, models),
    "figureS2": draw_counts(tables["selection_counts"], nuclei, p_threshold=settings["p_threshold"]),
    "figureS3": draw_stability(tables["selection_stability"], tables["selected"], nuclei),
    "figureS4": draw_calibration(tables["calibration"], of, models),
    "figureS5": draw_decision(tables["decision_curve"], of, models),
}
folder = Path(snakemake.output[0]).parent
save_figures(figures, folder, simulated=snakemake.params.simulated)
log.info("%d figures in %s", len(figures), folder)
