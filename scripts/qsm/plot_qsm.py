"""Picture of one run: magnitude, wrapped phase, local field and susceptibility in three planes."""

from chiomics.core.images import read_image, read_sidecar
from chiomics.core.logs import start_log
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.qc_figure import write_qc_figure

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
echoes = EchoFiles(**snakemake.params.gre, **parts).read()
info = read_sidecar(snakemake.input.sidecar)
chi, affine = read_image(snakemake.input.chi)
trust = "" if info["ReferenceTrusted"] else ", not trusted"
write_qc_figure(
    snakemake.output.figure,
    magnitude=echoes.magnitude[0],
    phase=echoes.phase[-1],
    local_field=read_image(snakemake.input.local_field)[0],
    chi=chi,
    mask=read_image(snakemake.input.mask)[0] > 0,
    affine=affine,
    title=f"{snakemake.wildcards.subject}{snakemake.wildcards.run}, all echoes, {info['Inversion']}, "
    f"reference {info['Reference']} {info['ReferenceValue']:+.3f} ppm{trust}"
    + ("\nthe phase sign is probably wrong" if info["PhaseSignWarning"] else ""),
    simulated=snakemake.params.simulated,
)
