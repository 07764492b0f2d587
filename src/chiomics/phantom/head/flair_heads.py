"""Heads with a FLAIR image and nothing of the gradient echo: many subjects at little cost, for image classifiers.

A head is built as for the other simulated subjects (`anatomy.py`), on 2 mm voxels, and imaged once. Several recipes of
one seed share their heads and differ in the lesions, so that what the lesions teach can be told from what heads do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chiomics.core.space.volume import Volume
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy, build_anatomy, lesion_sites
from chiomics.phantom.head.contrasts import NOISE, WHITE_SIGNAL, receive_bias
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.space import SubjectSpace, random_space
from chiomics.phantom.head.susceptibility import mixed_map
from chiomics.phantom.lesions.lesions import draw_lesions
from chiomics.phantom.lesions.places import place_lesions
from chiomics.phantom.recipe import Session, list_sessions, load_recipe, random_stream

RECIPES = ("flair", "flair_matched")
#: Voxel size, field of view around the brain with its scalp, and its centre in the template, mm.
SPACING, FIELD_OF_VIEW, CENTRE = 2.0, np.array([168.0, 208.0, 184.0]), np.array([0.0, -16.0, 4.0])
#: Share of white matter from which on a grey voxel may become lesion, as in `anatomy.build_anatomy`.
MIN_WHITE = 0.25


@dataclass(frozen=True)
class FlairHead:
    """A simulated head.

    Attributes
    ----------
    participant : dict
        Row of ``participants.tsv``.
    flair : Volume
        The image, with skull, receive bias and noise.
    labels : Volume
        Tissue labels (`tissue.tsv`).
    brain : Volume
        Brain with its fluid.
    lesions : Volume
        0, or the number of the lesion.
    space : SubjectSpace
        Maps between the image's world and the template.
    """

    participant: dict
    flair: Volume
    labels: Volume
    brain: Volume
    lesions: Volume
    space: SubjectSpace


def read_flair_recipes(*, seed: int | None = None, groups: Mapping[str, int] | None = None) -> dict[str, dict]:
    """Read the recipes of the FLAIR cohorts.

    Parameters
    ----------
    seed : int, optional
        Another seed than the recipes', for heads that no study has seen.
    groups : mapping of str to int, optional
        Other numbers of subjects.

    Returns
    -------
    dict of str to dict
        Completed recipes by their names.
    """
    folder = Path(__file__).parents[1] / "recipes"
    recipes = {name: load_recipe(folder / f"{name}.yaml") for name in RECIPES}
    changes = {key: value for key, value in (("seed", seed), ("groups", groups)) if value is not None}
    return {name: load_recipe(recipe | changes) for name, recipe in recipes.items()}


def list_heads(recipes: Mapping[str, dict]) -> list[Session]:
    """List the subjects of recipes that share their heads, groups taking turns so that any part has both."""
    recipe = next(iter(recipes.values()))
    sessions = list_sessions(recipe)
    order = {session.participant_id: number for number, session in enumerate(sessions)}
    firsts = {session.participant["group"]: order[session.participant_id] for session in reversed(sessions)}
    counts = {group: max(recipe["groups"][group], 1) for group in firsts}

    def place(session: Session) -> float:
        group = session.participant["group"]
        return (order[session.participant_id] - firsts[group] + 0.5) / counts[group]

    return sorted(sessions, key=place)


def simulate_flair_heads(recipes: Mapping[str, dict], session: Session) -> dict[str, FlairHead]:
    """Simulate a subject's head under every recipe.

    Parameters
    ----------
    recipes : mapping of str to dict
        Completed recipes of one seed; the first one gives the head's shape.
    session : Session
        One of `list_heads`.

    Returns
    -------
    dict of str to FlairHead
        By recipe.
    """
    first = next(iter(recipes.values()))
    group, shape_of_heads = session.participant["group"], first["anatomy"]

    def stream(purpose: str) -> np.random.Generator:
        return random_stream(first, session.participant_id, purpose)

    space = random_space(
        stream("shape"),
        size_sd=shape_of_heads["size_sd"],
        shape_sd=shape_of_heads["shape_sd"],
        correlation=shape_of_heads["shape_correlation"],
        asymmetry=shape_of_heads["shape_asymmetry"],
        rotation_sd=shape_of_heads["rotation_sd"],
        translation_sd=shape_of_heads["translation_sd"],
    )
    centre = space.from_template(CENTRE[:, None])[:, 0].astype(float)
    shape = tuple(int(n) for n in np.ceil(FIELD_OF_VIEW / SPACING / 2) * 2)
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    affine[:3, 3] = centre - SPACING * (np.array(shape) - 1) / 2
    sizes = 1 + shape_of_heads["nucleus_size_sd"] * stream("nucleus sizes").standard_normal(len(NUCLEI))
    healthy = build_anatomy(
        space,
        [],
        shape=shape,
        affine=affine,
        vein_rng=stream("veins"),
        lesion_rng=stream("lesion places"),
        medullary_veins=0,
        nucleus_scale=dict(zip(NUCLEI, sizes.tolist(), strict=True)),
    )
    signal = {label: row["flair"] for label, row in tissue.tissue_table().items()}
    heads = {}
    for name, recipe in recipes.items():
        anatomy = _add_lesions(healthy, recipe["lesions"].get(group), space, affine, stream)
        image = _image(stream("FLAIR noise"), mixed_map(anatomy, signal))
        on_grid = (image, anatomy.labels, anatomy.brain, anatomy.lesion_index)
        heads[name] = FlairHead(session.participant, *(Volume(voxels, affine) for voxels in on_grid), space)
    return heads


def _image(rng: np.random.Generator, contrast: np.ndarray) -> np.ndarray:
    """Image a contrast with a smooth receive bias and Rician noise, white matter near `WHITE_SIGNAL`."""
    image = contrast * receive_bias(rng, contrast.shape)
    noise = NOISE * rng.standard_normal((2, *contrast.shape), dtype=np.float32)
    return (np.hypot(image + noise[0], noise[1]) * WHITE_SIGNAL).astype(np.float32)


def _add_lesions(healthy: Anatomy, parameters: dict | None, space: SubjectSpace, affine: np.ndarray, stream) -> Anatomy:
    """Draw and place lesions in a head that has none."""
    if parameters is None:
        return healthy
    labels, index = healthy.labels.copy(), np.zeros(healthy.labels.shape, np.int16)
    placed = place_lesions(
        stream("lesion places"),
        draw_lesions(stream("lesions"), parameters),
        lesion_sites(parameters["drawn_from"]),
        space,
        (labels == tissue.WHITE) | ((labels == tissue.GREY) & (healthy.white > MIN_WHITE)),
        affine=affine,
    )
    for number, lesion in enumerate(placed, start=1):
        index[lesion.voxels] = number
        labels[lesion.voxels] = tissue.LESION
    return replace(healthy, labels=labels, lesion_index=index, lesions=placed)
