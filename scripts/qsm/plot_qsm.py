"""Picture of one run: magnitude, wrapped phase, local field and susceptibility in three planes."""

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import draw_maps

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    draw_maps(
        EchoFiles(**snakemake.params.gre, **parts),
        local_field=snakemake.input.local_field,
        chi=snakemake.input.chi,
        sidecar=snakemake.input.sidecar,
        mask=snakemake.input.mask,
        figure=snakemake.output.figure,
        title=session,
        simulated=snakemake.params.simulated,
    )
