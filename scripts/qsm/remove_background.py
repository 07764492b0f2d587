"""Local field of every echo set of one run, and the mask that is valid in all of them."""

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.qsm.steps import remove_background

start_log(snakemake.log[0])
echo_sets = snakemake.params.echo_sets
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    remove_background(
        total_fields=snakemake.input.total_fields,
        inverse_sd=snakemake.input.inverse_sd,
        quality=snakemake.input.quality,
        reliable_mask=snakemake.input.reliable_mask,
        total_sidecar=snakemake.input.total_sidecar,
        echo_sets=echo_sets,
        settings=snakemake.params.settings,
        local_fields=dict(zip(echo_sets, snakemake.output.local_fields, strict=True)),
        sidecars=dict(zip(echo_sets, snakemake.output.field_sidecars, strict=True)),
        weights=dict(zip(echo_sets, snakemake.output.weights, strict=True)),
        weight_sidecars=dict(zip(echo_sets, snakemake.output.weight_sidecars, strict=True)),
        mask=snakemake.output.mask,
        mask_sidecar=snakemake.output.mask_sidecar,
        quality_map=snakemake.output.quality_map,
        quality_sidecar=snakemake.output.quality_sidecar,
        quality_table=snakemake.output.quality_table,
        workers=snakemake.threads,
    )
