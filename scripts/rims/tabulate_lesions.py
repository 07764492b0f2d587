"""The lesions of one session: their table with place, measures and ratings, their features and their patches."""

import pandas as pd

from chiomics.core.failures import remembered_failure
from chiomics.core.files import read_sidecar
from chiomics.core.images import read_image
from chiomics.core.logs import start_log
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.transforms import Chain
from chiomics.core.tables import write_frame
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.lesions.files import assemble, usable, write_lesions
from chiomics.rims.lesions.session import read_session, tabulate_session
from chiomics.rims.lesions.table import name_lesions
from chiomics.rims.lesions.truth import add_truth

log = start_log(snakemake.log[0])
files, settings = snakemake.input, snakemake.params.settings
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=snakemake.params.raw, **snakemake.params.on_failure):
    images = read_session(
        files.chi[0],
        files.labels,
        tissue=files.tissue,
        white=files.white,
        valid=files.valid_mask if isinstance(files.valid_mask, str) else next(iter(files.valid_mask), None),
        flair=next(iter(files.flair), None),
        refuse=False,
    )
    ratings = []
    for path in snakemake.params.ratings:
        lines = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        ratings += lines[lines["session"] == session].to_dict("records")
    table, patches = tabulate_session(
        images,
        template=Chain.read(f"{files.segmentation}/{snakemake.params.to_template}").map_points,
        ratings=ratings,
        ratings_file=snakemake.params.ratings_file,
        consensus=settings["consensus"],
        **settings["patch"],
    )
    if files.truth:
        truth, affine = read_image(files.truth[0], dtype="int32")
        known = pd.read_csv(files.truth[1], sep="\t", na_values="n/a", keep_default_na=False)
        ordered = NearestRAS(affine, truth.shape)(truth)
        table = add_truth(table, images.labels, ordered, known, consensus=settings["consensus"])
    features, reasons = label_features(images.chi, images.labels, spacing=images.voxel_size)

    source = read_sidecar(files.sidecar)["Segmentation"]["Lesions"]["Source"]
    table = name_lesions(table, snakemake.params.identity).assign(source=source, **snakemake.params.origin)
    write_frame(table, snakemake.output.table, missing="n/a")
    lesions = usable(assemble(table, features, patches, shape=settings["patch"]["shape"]))
    write_lesions(lesions, snakemake.output)
log.info("%d lesions, of which detectors can use %d", len(table), len(lesions.table))
for number, reason in reasons.items():
    log.info("lesion %d has no features: %s", number, reason)
