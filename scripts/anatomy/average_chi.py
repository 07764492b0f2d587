"""Mean and variance of the controls' susceptibility in template space, overall and by tract, and their figure."""

from pathlib import Path

from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.atlases.tracts import tract_masks
from chiomics.anatomy.cohort.atlas import SessionMap, build_atlas, maps_on_template, summarise_tracts
from chiomics.anatomy.cohort.atlas_figure import draw_cohort_atlas
from chiomics.anatomy.cohort.settings import CohortAtlasSettings
from chiomics.anatomy.files import GRE_TO_TEMPLATE
from chiomics.anatomy.session.vois import write_table
from chiomics.core.chi_reference import read_reference
from chiomics.core.logs import start_log
from chiomics.core.settings import read_settings
from chiomics.core.space.template import template_brain

log = start_log(snakemake.log[0])
settings = read_settings(CohortAtlasSettings, snakemake.params.settings, where="anatomy.chi_atlas.parameters")
names = list(snakemake.params.sessions)
offsets = [read_reference(path) for path in snakemake.input.references] or [0.0] * len(names)
given = iter(snakemake.input.valid_masks)
masks = [Path(next(given)) if masked else None for masked in snakemake.params.masked]
inputs = zip(names, snakemake.input.chi, masks, snakemake.input.segmentations, offsets, strict=True)
sessions = [
    SessionMap(name, Path(chi), mask, Path(segmentation) / GRE_TO_TEMPLATE, offset)
    for name, chi, mask, segmentation, offset in inputs
]
template = template_brain(settings.resolution)
average = build_atlas(maps_on_template(sessions, template), min_share=settings.min_share)
tracts = {}
if snakemake.input.tracts:
    atlas = read_atlas(snakemake.input.tracts)
    fractions = fractions_on_grid(atlas.structures(), atlas_coordinates(template, atlas.to_template()))
    tracts = {key: template.like(mask) for key, mask in tract_masks(fractions, template.voxels.shape).items()}
for name, image in (("mean", average.mean), ("variance", average.variance), ("coverage", average.count)):
    image.write(snakemake.output[name])
write_table(snakemake.output.tracts, summarise_tracts(average, tracts))
draw_cohort_atlas(
    average, template, tracts, snakemake.output.figure, snakemake.output.vector,
    cohort=f"{len(sessions)} sessions of {', '.join(snakemake.params.groups)}", simulated=snakemake.params.simulated,
)  # fmt: skip
