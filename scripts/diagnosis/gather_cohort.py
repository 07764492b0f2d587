"""The cohort's features and demographic variables as one table with a row per session, and what was left out."""

from chiomics.core.left_out import LeftOut
from chiomics.core.logs import start_log
from chiomics.diagnosis.cohort import read_cohort
from chiomics.diagnosis.estimators.site import check_study, say_site, site_table
from chiomics.diagnosis.models import complete_settings, list_models, needed_regions
from chiomics.diagnosis.planning.cost import say_cost
from chiomics.diagnosis.recipe import count_radiomic, note_whitelists
from chiomics.diagnosis.tables import write_tidy

log = start_log(snakemake.log[0])
settings, left_out = complete_settings(snakemake.params.settings), LeftOut()
cohort = read_cohort(snakemake.input.features, settings, regions=needed_regions(settings), left_out=left_out)
note_whitelists(cohort, list_models(settings), left_out)
check_study(cohort, settings)
if said := say_site(site_table(cohort, settings)):
    log.warning(said)
features = max(count_radiomic(cohort, list_models(settings), settings).values(), default=0)
if said := say_cost(len(cohort), features, settings):
    log.warning(said)
write_tidy(cohort, snakemake.output.cohort)
write_tidy(left_out.table(), snakemake.output.left_out)
log.info("%d sessions, %d columns; %s", *cohort.shape, cohort["group"].value_counts().to_dict())
