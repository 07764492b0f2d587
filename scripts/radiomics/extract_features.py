"""Features of one session from all its maps and volumes of interest, and the histograms behind them."""

from chiomics.core.chi_reference import read_reference
from chiomics.core.failures import remembered_failure
from chiomics.core.files import write_sidecar
from chiomics.core.logs import start_log
from chiomics.core.provenance import source_uris
from chiomics.radiomics.qc import plot_histograms
from chiomics.radiomics.session import describe_session, extract_session, region_values, write_session
from chiomics.radiomics.session_presets import preset_settings

log = start_log(snakemake.log[0])
names = [tuple(name) for name in snakemake.params.map_names]
maps = dict(zip(names, snakemake.input.maps, strict=True))
settings = snakemake.params.settings
valid_mask = next(iter(snakemake.input.get("valid_mask") or []), None)
if isinstance(snakemake.input.get("valid_mask"), str):
    valid_mask = snakemake.input.valid_mask

session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    offset = read_reference(snakemake.input.reference) if snakemake.input.get("reference") else 0.0
    features = extract_session(
        maps,
        snakemake.input.vois,
        presets=settings["presets"],
        identity=snakemake.params.identity,
        valid_mask=valid_mask,
        offset=offset,
        engine=settings["engine"],
        isolated_voxels=settings["isolated_voxels"],
    )
    write_session(features, snakemake.output.features, simulated=snakemake.params.simulated)
    read = [*snakemake.input.maps, *snakemake.input.vois, valid_mask, snakemake.input.get("reference") or None]
    write_sidecar(snakemake.output.sidecar, describe_session(settings, source_uris(read)))
    log.info("%d values, %d without a value", len(features), features["value"].isna().sum())

    preset, options = next(iter(settings["presets"].items()))
    shown = preset_settings(preset, options)
    plot_histograms(
        region_values(maps, snakemake.input.vois, preset=preset, options=options, valid_mask=valid_mask, offset=offset),
        snakemake.output.figure,
        gray_levels=shown.gray_levels,
        bin_widths=shown.bin_widths,
        unit=shown.unit or "ppm",
        title=f"{session}, {preset}, {names[0][0]}, {names[0][1]}",
        simulated=snakemake.params.simulated,
    )
