"""The cohort's features and demographic variables as one table with a row per session."""

from chiomics.core.logs import start_log
from chiomics.diagnosis.cohort import read_cohort
from chiomics.diagnosis.models import complete_settings, needed_regions
from chiomics.diagnosis.tables import write_tidy

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
cohort = read_cohort(snakemake.input.features, settings, regions=needed_regions(settings))
write_tidy(cohort, snakemake.output.cohort)
log.info("%d sessions, %d columns; %s", *cohort.shape, cohort["group"].value_counts().to_dict())
