"""Variance of the controls' susceptibility in the corticospinal tract, over the template and over the atlas of χ."""

from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.atlases.tracts import tract_masks
from chiomics.anatomy.cohort.atlas import CohortAtlas
from chiomics.anatomy.cohort.atlas_figure import draw_tract_overlays
from chiomics.core.logs import start_log
from chiomics.core.space.template import template_brain
from chiomics.core.space.volume import Volume

log = start_log(snakemake.log[0])
mean, variance, count = (Volume.read(snakemake.input[name]) for name in ("mean", "variance", "coverage"))
template = template_brain(float(mean.voxel_size[0]))
atlas = read_atlas(snakemake.input.tracts)
fractions = fractions_on_grid(atlas.structures(), atlas_coordinates(template, atlas.to_template()))
tracts = {key: template.like(mask) for key, mask in tract_masks(fractions, template.voxels.shape).items()}
paths = dict(zip(snakemake.params.names, zip(snakemake.output.png, snakemake.output.svg, strict=True), strict=True))
seen = mean.like(variance.voxels > 0)  # where too few have seen a voxel both are 0
draw_tract_overlays(
    CohortAtlas(mean, variance, count, seen), template, tracts, paths, simulated=snakemake.params.simulated
)
log.info("%d figures of %d tracts", len(paths), len(tracts))
