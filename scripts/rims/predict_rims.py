"""Apply a detector of rim lesions to every session, and write the pages on which an expert reviews its calls."""

from pathlib import Path

from chiomics.commands.rims_predict import predict_sessions
from chiomics.core.logs import start_log
from chiomics.rims.prediction.sessions import PATTERNS, SessionFiles

log = start_log(snakemake.log[0])
files = zip(*(snakemake.input[kind] for kind in PATTERNS), strict=True)
sessions = [
    SessionFiles(*keys, dict(zip(PATTERNS, map(Path, paths), strict=True)))
    for keys, paths in zip(snakemake.params.sessions, files, strict=True)
]
folder = Path(snakemake.output.burden).parent
options = {key: snakemake.params[key] for key in ("resample", "simulated")}
burden = predict_sessions(snakemake.input.model, sessions, folder, **options)
log.info("%d of %d lesions are called rims", burden["rim_lesions"].sum(), burden["lesions"].sum())
