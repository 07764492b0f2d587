"""One session's volume and slices for the FLAIR classifiers, with a page to look at."""

from chiomics.commands.flair_segmentation import prepare_segmentation
from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar
from chiomics.core.logs import start_log
from chiomics.flair.images.page import write_page
from chiomics.flair.images.prepare import Prepared

log = start_log(snakemake.log[0])
about, sizes = snakemake.params.about, snakemake.params.sizes
try:
    prepared, record = prepare_segmentation(snakemake.input.segmentation, about, **sizes)
except InputError as error:
    # What the classifiers cannot take is left out of them by name, and of nothing else.
    prepared, record = Prepared.empty(**sizes), {"Session": about["session"], "Refused": str(error)}
    log.warning("%s is left out: %s", about["session"], error)
prepared.write(snakemake.output.images)
write_sidecar(snakemake.output.sidecar, record)
write_page(prepared, record, snakemake.output.figure, title=str(about["session"]), simulated=about["simulated"])
