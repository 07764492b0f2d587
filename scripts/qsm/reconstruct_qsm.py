"""All steps from the echoes of one run to its susceptibility maps and picture, for images small enough for one job."""

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from chiomics.core.logs import start_log
from chiomics.index import remembered_failure
from chiomics.qsm import steps
from chiomics.qsm.echo_files import EchoFiles

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
files = EchoFiles(**snakemake.params.gre, **parts)
output, settings, workers = snakemake.output, snakemake.params.settings, snakemake.threads
echo_sets = snakemake.params.echo_sets
maps = list(product(settings["inversions"], echo_sets))
names = ("local_fields", "field_sidecars", "weights", "weight_sidecars")
local_fields, sidecars, weights, weight_sidecars = (dict(zip(echo_sets, output[name], strict=True)) for name in names)
r2star = output.get("r2star")
session = snakemake.wildcards.subject + snakemake.wildcards.run
raw = [*files.paths, *snakemake.input.given_mask]

with (
    TemporaryDirectory() as folder,
    remembered_failure(session=session, inputs=raw, **snakemake.params.on_failure),
):
    names = ("total_fields", "inverse_sd", "quality", "reliable_mask")
    total = {name: str(Path(folder, f"{name}.nii")) for name in names}
    total_sidecar = str(Path(folder, "total.json"))
    given_mask = next(iter(snakemake.input.given_mask), None)
    steps.mask_brain(
        files, given_mask=given_mask, method=settings["brain_mask"], volumes=settings["brain_volume"],
        mask=output.brain_mask, sidecar=output.brain_sidecar,
        picture=str(Path(snakemake.params.on_failure["failed_dir"], f"{session}_qsm.png")),
        simulated=snakemake.params.simulated,
    )  # fmt: skip
    steps.unwrap_phase(
        files, mask=output.brain_mask, echo_sets=echo_sets, settings=settings, **total, r2star=r2star,
        r2star_sidecar=output.get("r2star_sidecar"), sidecar=total_sidecar, workers=workers,
    )  # fmt: skip
    steps.remove_background(
        **total, total_sidecar=total_sidecar, echo_sets=echo_sets, settings=settings, local_fields=local_fields,
        sidecars=sidecars, weights=weights, weight_sidecars=weight_sidecars, mask=output.mask,
        mask_sidecar=output.mask_sidecar, quality_map=output.quality_map, quality_sidecar=output.quality_sidecar,
        quality_table=output.quality_table, workers=workers,
    )  # fmt: skip
    steps.invert_dipole(
        files, local_fields=local_fields, sidecars=sidecars, weights=weights, mask=output.mask,
        brain_sidecar=output.brain_sidecar, r2star=r2star, settings=settings,
        maps=dict(zip(maps, output.maps, strict=True)),
        map_sidecars=dict(zip(maps, output.map_sidecars, strict=True)),
        reference_mask=output.reference_mask, reference_sidecar=output.reference_sidecar, workers=workers,
    )  # fmt: skip
    steps.draw_maps(
        files, local_field=output.local_fields[0], chi=output.maps[0], sidecar=output.map_sidecars[0],
        mask=output.mask, brain_mask=output.brain_mask, r2star=r2star, figure=output.figure, title=session,
        others=dict(list(zip(echo_sets, output.maps, strict=False))[1:]), simulated=snakemake.params.simulated,
        quality=output.quality_map,
    )  # fmt: skip
