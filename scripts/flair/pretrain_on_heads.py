"""The two-view network trained on simulated heads of another seed: the start of an arm that anyone can run."""

from chiomics.core.learning.device import choose_device
from chiomics.core.learning.weights import save_model
from chiomics.core.logs import start_log
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.cohort import choose_sessions
from chiomics.flair.study.networks.final_model import describe_model, train_on_all
from chiomics.flair.study.trainings import REFERENCE_ARM

log = start_log(snakemake.log[0])
# The heads' own groups, whatever the study's groups are called.
settings = dict(snakemake.params.settings) | {"groups": ["MS", "NMOSD"], "positive": "NMOSD"}
prepared = choose_sessions(Prepared.open(snakemake.input.images), "wang2020", settings)
model = train_on_all(prepared, "wang2020", REFERENCE_ARM, settings, device=choose_device(settings["device"]))
card = describe_model(prepared, "wang2020", settings, None, source="simulated heads of another seed", simulated=True)
save_model(snakemake.output.weights, model.state_dict(), card)
log.info("pretrained on %d simulated heads", len(prepared.table))
