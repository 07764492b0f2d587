"""Referenced susceptibility maps of one run, one per echo set and inversion."""

from itertools import product

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import invert_dipole

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
echo_sets = snakemake.params.echo_sets
maps = list(product(snakemake.params.settings["inversions"], echo_sets))
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    invert_dipole(
        EchoFiles(**snakemake.params.gre, **parts),
        local_fields=dict(zip(echo_sets, snakemake.input.local_fields, strict=True)),
        sidecars=dict(zip(echo_sets, snakemake.input.field_sidecars, strict=True)),
        weights=dict(zip(echo_sets, snakemake.input.weights, strict=True)),
        mask=snakemake.input.mask,
        brain_sidecar=snakemake.input.brain_sidecar,
        r2star=snakemake.input.r2star or None,
        settings=snakemake.params.settings,
        maps=dict(zip(maps, snakemake.output.maps, strict=True)),
        map_sidecars=dict(zip(maps, snakemake.output.map_sidecars, strict=True)),
        reference_mask=snakemake.output.reference_mask,
        reference_sidecar=snakemake.output.reference_sidecar,
        workers=snakemake.threads,
    )
