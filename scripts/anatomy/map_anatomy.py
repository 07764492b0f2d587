"""All steps from the structural images of one session to its regions, for images small enough for one job."""

from tempfile import TemporaryDirectory

from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.session.output import write_session
from chiomics.anatomy.session.regions import define_regions
from chiomics.anatomy.session.segmentation import segment_session
from chiomics.core.failures import record_losses
from chiomics.core.logs import start_log
from chiomics.index import remembered_failure

start_log(snakemake.log[0])
files = SessionFiles.from_lists(dict(snakemake.input.items()))
settings, segmentation = snakemake.params.settings, snakemake.output.segmentation
session = snakemake.wildcards.subject + snakemake.wildcards.run
atlases = dict(zip(snakemake.params.atlases, snakemake.input.atlases, strict=True))
with (
    TemporaryDirectory() as scratch,
    remembered_failure(session=session, inputs=files.raw, **snakemake.params.on_failure),
):
    nuclei = atlases.get("nuclei")
    losses = segment_session(
        files, segmentation, settings=settings, scratch=scratch, nuclei_atlas=nuclei,
        accepted=snakemake.params.on_failure["accepted"], picture=snakemake.params.picture,
        simulated=snakemake.params.simulated,
    )  # fmt: skip
    found = define_regions(files, segmentation, atlases=atlases, settings=settings, notes=snakemake.params.notes)
    write_session(found, snakemake.output, title=session, simulated=snakemake.params.simulated)
record_losses(session=session, losses=losses, inputs=files.raw, **snakemake.params.on_failure)
