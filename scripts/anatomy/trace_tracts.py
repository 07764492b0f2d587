"""Six tracts per side of one session, traced on its diffusion images; without MRtrix3 a folder that says so."""

from pathlib import Path
from tempfile import TemporaryDirectory

from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.diffusion.session import trace_or_leave
from chiomics.anatomy.diffusion.tracts import DiffusionSettings
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.settings import configured
from chiomics.core.failures import record_losses
from chiomics.core.logs import start_log
from chiomics.index import remembered_failure

log = start_log(snakemake.log[0])
files = SessionFiles.from_lists(dict(snakemake.input.items()))
gradients = [next(iter([paths] if isinstance(paths, str) else paths)) for paths in
             (snakemake.input.dwi, snakemake.input.bval, snakemake.input.bvec)]  # fmt: skip
chosen = snakemake.params.settings
session = snakemake.wildcards.subject + snakemake.wildcards.run

with (
    TemporaryDirectory() as scratch,
    remembered_failure(session=session, inputs=[*files.raw, *gradients], **snakemake.params.on_failure),
):
    Path(snakemake.output.traced).mkdir(parents=True, exist_ok=True)
    tracts = trace_or_leave(
        gradients, snakemake.input.segmentation, snakemake.output.traced,
        gre=files.read_magnitude(), atlas=read_atlas(snakemake.input.atlas),
        registration=configured(chosen),
        settings=DiffusionSettings.of(chosen["tracts"]["parameters"]), scratch=scratch,
    )  # fmt: skip
losses = {"DWI": tracts.sidecar["Warning"]} if "Warning" in tracts.sidecar else {}
record_losses(
    session=session,
    losses=losses,
    inputs=[*files.raw, *gradients],
    name="DWI",
    **snakemake.params.on_failure,
)
log.info("%d tracts traced, %d left to the atlas", len(tracts.masks), len(tracts.reasons))
