"""Tissue, and with a FLAIR or a mask lesions, of a session with T1w but without GRE, on the grid of its T1w."""

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
session = snakemake.wildcards.subject + snakemake.wildcards.run
settings = snakemake.params.settings
with (
    TemporaryDirectory() as scratch,
    remembered_failure(session=session, inputs=files.raw, **snakemake.params.on_failure),
):
    segmentation = snakemake.output.segmentation
    losses = segment_session(
        files, segmentation, settings=settings, scratch=scratch,
        accepted=snakemake.params.on_failure["accepted"], picture=snakemake.params.picture,
        simulated=snakemake.params.simulated,
    )  # fmt: skip
    found = define_regions(files, segmentation, atlases={}, settings=settings, notes=snakemake.params.notes)
    write_session(found, snakemake.output, title=session, simulated=snakemake.params.simulated)
record_losses(session=session, losses=losses, inputs=files.raw, **snakemake.params.on_failure)
