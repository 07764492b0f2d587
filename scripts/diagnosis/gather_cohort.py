"""The cohort's features and demographic variables as one table with a row per session."""

from chiomics.core.images import whole_file
from chiomics.core.logs import start_log
from chiomics.diagnosis.cohort import read_cohort
from chiomics.diagnosis.models import complete_settings, needed_regions

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
cohort = read_cohort(snakemake.input.features, settings, regions=needed_regions(settings))
with whole_file(snakemake.output.cohort) as temporary:
    cohort.to_parquet(temporary, index=False, compression="zstd")
log.info("%d sessions, %d columns; %s", *cohort.shape, cohort["group"].value_counts().to_dict())
