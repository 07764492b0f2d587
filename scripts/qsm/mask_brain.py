"""Brain mask of one run: found on the magnitude, or the user's own."""

from pathlib import Path

from chiomics.core.logs import start_log
from chiomics.index import remembered_failure
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import mask_brain

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
files = EchoFiles(**snakemake.params.gre, **parts)
session = snakemake.wildcards.subject + snakemake.wildcards.run
raw = [*files.paths, *snakemake.input.given_mask]
with remembered_failure(session=session, inputs=raw, **snakemake.params.on_failure):
    mask_brain(
        files,
        given_mask=next(iter(snakemake.input.given_mask), None),
        method=snakemake.params.method,
        volumes=snakemake.params.volumes,
        picture=str(Path(snakemake.params.on_failure["failed_dir"], f"{session}_qsm.png")),
        simulated=snakemake.params.simulated,
        mask=snakemake.output.brain_mask,
        sidecar=snakemake.output.brain_sidecar,
    )
