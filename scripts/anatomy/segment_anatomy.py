"""Correct, extract, register and segment the structural images of one session."""

from tempfile import TemporaryDirectory

from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.session.segmentation import segment_session
from chiomics.core.failures import record_losses
from chiomics.core.logs import start_log
from chiomics.index import remembered_failure

start_log(snakemake.log[0])
files = SessionFiles.from_lists(dict(snakemake.input.items()))
session = snakemake.wildcards.subject + snakemake.wildcards.run
with (
    TemporaryDirectory() as scratch,
    remembered_failure(session=session, inputs=files.raw, **snakemake.params.on_failure),
):
    losses = segment_session(
        files,
        snakemake.output.segmentation,
        settings=snakemake.params.settings,
        scratch=scratch,
        nuclei_atlas=snakemake.input.nuclei or None,
        accepted=snakemake.params.on_failure["accepted"],
        picture=snakemake.params.picture,
        simulated=snakemake.params.simulated,
    )
record_losses(session=session, losses=losses, inputs=files.raw, **snakemake.params.on_failure)
