"""Apply a classifier of FLAIR images to every session, and draw where it looked."""

from pathlib import Path

from chiomics.commands.flair_predict import predict_sessions
from chiomics.core.figures import left_out, save_figure
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.prediction.score import read_classifier

log = start_log(snakemake.log[0])
sessions, folders = snakemake.params.sessions, map(Path, snakemake.input.segmentations)
page = Path(snakemake.output.pages, "attention.png")
has_maps = read_classifier(snakemake.input.model)[0].views is None
segmentations = list(zip(sessions, folders, strict=True))
scores = predict_sessions(snakemake.input.model, segmentations=segmentations, page=page if has_maps else None)
if not has_maps:
    save_figure(left_out("maps of a two-view network have no place in the head"), page, simulated=False)
write_frame(scores, snakemake.output.scores, missing="n/a")
log.info("%d of %d sessions are scored", (scores["refused"] == "").sum(), len(scores))
