"""Susceptibility map of one more inversion or echo set of a run."""

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import invert_dipole

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
inversion, echo_set = snakemake.wildcards.inversion, snakemake.wildcards.echo_set
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    invert_dipole(
        EchoFiles(**snakemake.params.gre, **parts),
        local_fields={echo_set: snakemake.input.local_field},
        sidecars={echo_set: snakemake.input.sidecar},
        weights={echo_set: snakemake.input.weight},
        mask=snakemake.input.mask,
        brain_sidecar=snakemake.input.brain_sidecar,
        r2star=snakemake.input.r2star or None,
        settings=snakemake.params.settings,
        maps={(inversion, echo_set): snakemake.output.chi},
        map_sidecars={(inversion, echo_set): snakemake.output.chi_sidecar},
        workers=snakemake.threads,
    )
