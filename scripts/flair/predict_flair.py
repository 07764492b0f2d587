"""Apply a classifier of FLAIR images to every session, and draw where it looked."""

from pathlib import Path

from chiomics.commands.flair_predict import predict_sessions
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame

log = start_log(snakemake.log[0])
sessions, folders = snakemake.params.sessions, map(Path, snakemake.input.segmentations)
page = Path(snakemake.output.pages, "attention.png")
segmentations = list(zip(sessions, folders, strict=True))
scores = predict_sessions(snakemake.input.model, segmentations=segmentations, page=page)
write_frame(scores, snakemake.output.scores, missing="n/a")
log.info("%d of %d sessions are scored", (scores["refused"] == "").sum(), len(scores))
