"""A paper's network trained on the whole cohort, as a file that another site can apply."""

import pandas as pd

from chiomics.core.learning.device import choose_device
from chiomics.core.learning.weights import save_model
from chiomics.core.logs import start_log
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.final_model import describe_model, train_on_all

log = start_log(snakemake.log[0])
study, settings = snakemake.wildcards.study, snakemake.params.settings
prepared = Prepared.open([snakemake.input.images])
performance = pd.read_csv(snakemake.input.performance, sep="\t")
about = {key: snakemake.params[key] for key in ("source", "simulated", "anatomy")}
card = describe_model(prepared, study, settings, performance, **about)
model = train_on_all(prepared, study, card["arm"], settings, device=choose_device(settings["device"]))
save_model(snakemake.output.weights, model.state_dict(), card)
log.info("%s: %d sessions, cross-validated AUC %s", card["arm"], len(prepared.table), card["auc_cross_validated"])
