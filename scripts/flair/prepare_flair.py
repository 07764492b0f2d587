"""One session's volume and slices for the FLAIR classifiers, with a page to look at."""

from chiomics.anatomy import files as kept
from chiomics.anatomy.registration.template import template_priors
from chiomics.anatomy.tissue.ventricles import template_ventricles
from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar
from chiomics.core.logs import start_log
from chiomics.flair.images.head import read_head
from chiomics.flair.images.page import write_page
from chiomics.flair.images.prepare import Prepared, prepare_session
from chiomics.flair.images.slices import find_level, slice_levels

log = start_log(snakemake.log[0])
NAMES = {
    "FLAIR": kept.FLAIR,
    "brain": kept.BRAIN,
    "tissue": kept.TISSUE,
    "lesions": kept.LESIONS,
    "sidecar": kept.SIDECAR,
    "to_template": kept.TO_TEMPLATE,
    "FLAIR_to_anatomy": kept.FLAIR_TO_ANATOMY,
    "to_GRE": kept.TO_GRE,
}
about, sizes = snakemake.params.about, snakemake.params.sizes
levels = slice_levels(find_level(template_ventricles(template_priors(1.0)["CSF"])))
try:
    head = read_head(snakemake.input.segmentation, NAMES)
    prepared, record = prepare_session(head, about, levels=levels, **sizes)
except InputError as error:
    # What the classifiers cannot take is left out of them by name, and of nothing else.
    prepared, record = Prepared.empty(**sizes), {"Session": about["session"], "Refused": str(error)}
    log.warning("%s is left out: %s", about["session"], error)
prepared.write(snakemake.output.images)
write_sidecar(snakemake.output.sidecar, record)
write_page(prepared, record, snakemake.output.figure, title=str(about["session"]), simulated=about["simulated"])
