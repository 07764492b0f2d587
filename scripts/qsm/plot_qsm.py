"""Picture of one run: magnitude, wrapped phase, R2*, local field and susceptibility in three planes."""

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
        brain_mask=snakemake.input.brain_mask,
        quality=snakemake.input.quality,
        r2star=snakemake.input.get("r2star") or None,
        others=dict(zip(snakemake.params.sets[1:], snakemake.input.others, strict=True)),
        figure=snakemake.output.figure,
        title=session,
        simulated=snakemake.params.simulated,
    )
