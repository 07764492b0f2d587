"""Every model of the study fitted on all participants, as JSON files that another site can apply."""

from pathlib import Path

from chiomics.core.logs import Progress, start_log
from chiomics.core.tables import read_frame
from chiomics.diagnosis.model_file import describe_model, read_definition, write_model
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.tables import read_table

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
cohort = read_frame(snakemake.input.cohort)
about = {
    "definition": read_definition(snakemake.input.features, settings),
    "source": snakemake.params.source,
    "simulated": snakemake.params.simulated,
    "performance": read_table(snakemake.input.performance),
}
models, progress = list_models(settings), Progress(len(snakemake.output.models))
for path in map(Path, snakemake.output.models):
    record = describe_model(cohort, models[path.stem], settings, **about)
    write_model(path, record)
    log.info("%s: %d predictors, %s", path.stem, len(record["predictors"]), record["estimator"])
    progress.step(f"model {path.stem}")
