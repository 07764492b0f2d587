"""The images of a study's sessions in one file."""

import pandas as pd

from chiomics.core.files import read_sidecar
from chiomics.core.logs import start_log
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.cohort import choose_sessions

log = start_log(snakemake.log[0])
found = Prepared.open(snakemake.input.images).with_people(snakemake.params.people)
settings = snakemake.params.settings
chosen = choose_sessions(found, snakemake.wildcards.study, settings)
chosen.write(snakemake.output.images)
write_frame(chosen.table, snakemake.output.table, missing="n/a")
refused = [read_sidecar(path) for path in snakemake.input.sidecars]
refused = [[one["Session"], one["Refused"]] for one in refused if "Refused" in one]
refused += [list(pair) for pair in snakemake.params.left_out.items()]
if settings["lesions_required"]:
    bare = found.table.loc[found.table["lesion_count"] == 0, "session"]
    refused += [[session, "no lesions, which this study asks for (lesions_required)"] for session in bare]
write_frame(pd.DataFrame(refused, columns=["session", "reason"]), snakemake.output.left_out)
log.info("%d of %d sessions: %s", len(chosen.table), len(found.table), chosen.table["group"].value_counts().to_dict())
