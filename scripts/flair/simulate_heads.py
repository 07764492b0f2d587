"""A part of the simulated FLAIR cohorts, as the images that the classifiers take: heads are shared, lesions differ."""

import numpy as np
import pandas as pd

from chiomics.core.logs import start_log
from chiomics.core.space.volume import Volume
from chiomics.flair.images.head import Head
from chiomics.flair.images.prepare import Prepared, prepare_numbers, prepare_session
from chiomics.flair.images.slices import find_level, slice_levels
from chiomics.phantom.head import tissue
from chiomics.phantom.head.flair_heads import list_heads, read_flair_recipes, simulate_flair_heads
from chiomics.phantom.head.template import load_template

log = start_log(snakemake.log[0])
settings = snakemake.params.settings
recipes = read_flair_recipes(seed=settings["seed"], groups=settings["groups"])
recipes = {name: recipes[name] for name in settings["recipes"]}
sessions = list_heads(recipes)[int(snakemake.wildcards.part) :: settings["parts"]]
template = load_template()
affine = np.eye(4)
affine[:3, 3] = template.origin
levels = slice_levels(find_level(Volume(template.ventricles, affine)))
found = {name: [] for name in recipes}
for number, session in enumerate(sessions, start=1):
    about = {"participant": session.participant_id, "session": "", **session.participant, "simulated": True}
    about.pop("participant_id")
    for name, head in simulate_flair_heads(recipes, session).items():
        labels = head.labels.voxels
        masks = (head.brain.voxels, labels == tissue.WHITE, labels == tissue.VENTRICLES)
        ways = (head.space.to_template, head.space.from_template)
        given = Head.on_one_grid(head.flair, masks, head.lesions.voxels, *ways)
        # Where sites alone differ, no network is trained: lesions are measured, and no image is made.
        images = name in settings["imaged"]
        found[name].append(
            prepare_session(given, about, levels=levels, **settings["sizes"])[0] if images
            else prepare_numbers(given, about)
        )  # fmt: skip
    log.info("%d of %d: %s", number, len(sessions), session.participant_id)
for name, path in zip(recipes, snakemake.output, strict=True):
    parts = found[name]
    images = {kind: np.concatenate([part.images[kind] for part in parts]) for kind in parts[0].images}
    table = pd.concat([part.table for part in parts], ignore_index=True)
    Prepared(table, images, np.concatenate([part.cells for part in parts])).write(path)
