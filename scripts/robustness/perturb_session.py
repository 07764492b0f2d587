"""Features of one session under each configured perturbation of its map and of its volumes of interest."""

from functools import partial

from chiomics.core.chi_reference import read_reference
from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.radiomics.perturbed import features_of, perturbed_table, read_arrays
from chiomics.radiomics.session import write_session
from chiomics.radiomics.session_presets import preset_settings
from chiomics.robustness.perturbation_settings import map_to_perturb, read_perturbations
from chiomics.robustness.perturbations import perturb_session

log = start_log(snakemake.log[0])
identity, preset, options = snakemake.params.identity, snakemake.params.preset, snakemake.params.options
session_key = "_".join(filter(None, (identity["participant"], identity["session"], identity["run"])))
job = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=job, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    settings = preset_settings(preset, options, snakemake.params.isolated_voxels)
    names = [tuple(name) for name in snakemake.params.map_names]
    map_name = map_to_perturb(names, **snakemake.params.reference)
    session = read_arrays(
        dict(zip(names, snakemake.input.maps, strict=True)),
        snakemake.input.vois,
        map_name=map_name,
        preset=preset,
        options=options,
        valid_mask=next(iter(snakemake.input.valid_mask), None),
        offset=read_reference(snakemake.input.reference) if snakemake.input.get("reference") else 0.0,
    )
    draws = perturb_session(
        session.chi,
        session.masks,
        session.affine,
        read_perturbations(snakemake.params.perturbations),
        partial(features_of, affine=session.affine, settings=settings, engine=snakemake.params.engine),
        session=session_key,
        seed=snakemake.params.seed,
        valid=session.valid,
    )
    features = perturbed_table(draws, settings=settings, identity=identity, map_name=map_name)
    write_session(features, snakemake.output.features, simulated=snakemake.params.simulated)
    log.info("%d values, %d without a value", len(features), features["value"].isna().sum())
