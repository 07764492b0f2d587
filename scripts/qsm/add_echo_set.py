"""Local field of one more echo set of a run, as the job that made its others would have made it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.steps import remove_background, unwrap_phase

start_log(snakemake.log[0])
parts = {part: list(snakemake.input.get(part, [])) for part in ("magnitude", "phase", "real", "imaginary")}
files = EchoFiles(**snakemake.params.gre, **parts)
name, shared = snakemake.wildcards.echo_set, {"echo_sets": snakemake.params.echo_sets, "workers": snakemake.threads}
session = snakemake.wildcards.subject + snakemake.wildcards.run
with (
    TemporaryDirectory() as folder,
    remembered_failure(session=session, inputs=files.paths, **snakemake.params.on_failure),
):
    passing = ("total_fields", "inverse_sd", "quality", "reliable_mask")
    total = {key: str(Path(folder, f"{key}.nii")) for key in passing}
    total_sidecar = str(Path(folder, "total.json"))
    settings = snakemake.params.settings
    unwrap_phase(
        files, mask=snakemake.input.brain_mask, settings=settings, **total, r2star=None, sidecar=total_sidecar, **shared
    )
    # The set of all echoes is the start of every other; what is made of it again is not kept.
    results = {}
    for key in ("local_fields", "sidecars", "weights", "weight_sidecars"):
        unkept = str(Path(folder, f"{key}.json" if "sidecars" in key else f"{key}.nii"))
        results[key] = {"all": unkept, name: snakemake.output[key.removesuffix("s")]}
    mask = {"mask": str(Path(folder, "mask.nii")), "mask_sidecar": str(Path(folder, "mask.json"))}
    remove_background(**total, total_sidecar=total_sidecar, settings=settings, **results, **mask, **shared)
