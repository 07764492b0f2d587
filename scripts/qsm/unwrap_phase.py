"""Total fields of one run, how far to trust them, and its R2* map."""

from chiomics.core.logs import start_log
from chiomics.index import remembered_failure
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import unwrap_phase

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
files = EchoFiles(**snakemake.params.gre, **parts)
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=files.paths, **snakemake.params.on_failure):
    unwrap_phase(
        files,
        mask=snakemake.input.brain_mask,
        echo_sets=snakemake.params.echo_sets,
        settings=snakemake.params.settings,
        total_fields=snakemake.output.total_fields,
        inverse_sd=snakemake.output.inverse_sd,
        quality=snakemake.output.quality,
        reliable_mask=snakemake.output.reliable_mask,
        r2star=snakemake.output.get("r2star"),
        r2star_sidecar=snakemake.output.get("r2star_sidecar"),
        sidecar=snakemake.output.total_sidecar,
        workers=snakemake.threads,
    )
