"""Features of one session under each configured perturbation of its map and of its volumes of interest.

The table is that of the radiomics stage with one column more, `perturbation`; both open as one data set.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from chiomics.core.images import read_image, voxel_size, whole_file
from chiomics.core.logs import start_log
from chiomics.radiomics.discretise import FlatRegionError
from chiomics.radiomics.engine import Feature, region_features
from chiomics.radiomics.extraction import expected_features, in_unit
from chiomics.radiomics.prepare import RegionError, normalise, prepare
from chiomics.radiomics.session import COLUMNS, hemispheres_of, preset_settings, read_reference, wanted_vois
from chiomics.radiomics.vois import arrange, find_vois
from chiomics.radiomics.volume import as_volume
from chiomics.robustness.perturbation_settings import read_perturbations
from chiomics.robustness.perturbations import perturb_session

log = start_log(snakemake.log[0])
identity, preset, options = snakemake.params.identity, snakemake.params.preset, snakemake.params.options
settings = preset_settings(preset, options)
inversion, echo_set = snakemake.params.map_name

chi, affine = read_image(snakemake.input.map[0], dtype=np.float64)
valid = read_image(masks[0])[0] > 0 if (masks := snakemake.input.valid_mask) else chi != 0
if snakemake.input.get("reference"):
    chi -= read_reference(snakemake.input.reference)
found = find_vois(snakemake.input.vois)
masks = {}
for region, members in arrange(wanted_vois(found, preset, options), hemispheres_of(preset, options)).items():
    images = [(read_image(voi.path)[0], voi.labels) for voi in members]
    masks[region] = np.logical_or.reduce([np.isin(image, labels) if labels else image != 0 for image, labels in images])


def features(chi, mask):
    """Take all features of one region; where it cannot be used, rows without values, and why."""
    image, region = (as_volume(voxels, voxel_size(affine)) for voxels in (chi.astype(np.float64), mask))
    try:
        ready = normalise(in_unit(image, settings, "ppm"), settings)
        return [(row, "") for row in region_features(ready, prepare(region, (1,), settings), settings)]
    except (RegionError, FlatRegionError) as error:
        return [(Feature(*row, np.nan), str(error)) for row in expected_features(settings)]


rows = []
perturbations = read_perturbations(snakemake.params.perturbations)
session = "_".join(filter(None, (identity["participant"], identity["session"], identity["run"])))
for draw, region, values in perturb_session(
    chi, masks, affine, perturbations, features, session=session, seed=snakemake.params.seed, valid=valid
):  # fmt: skip
    for feature, reason in values:
        levels = (feature.setting, None) if settings.gray_levels else (None, feature.setting)
        rows.append((*identity.values(), draw, *region, echo_set, inversion, preset, *levels, *feature[1:], reason))
columns = [*identity, "perturbation", *COLUMNS]
schema = pa.schema([(name, COLUMNS.get(name, pa.string())) for name in columns])
table = pa.Table.from_pandas(pd.DataFrame(rows, columns=columns), schema=schema, preserve_index=False)
with whole_file(snakemake.output.features) as temporary:
    pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")
log.info("%d values, %d without a value", len(rows), table["value"].null_count)
