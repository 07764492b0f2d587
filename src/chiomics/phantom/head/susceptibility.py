"""Draw a subject's tissue properties and turn labels into maps: χ, R2*, T1, proton density.

A region's mean susceptibility is χ_label + slope (age − reference age) + σ (ε + d) with ε standard normal and d the
group's effect, so that the groups differ by Cohen's d at equal age. Its texture has the SD s · exp(τ (ε' + d')), d'
being the texture effect in units of the between-subject spread τ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.texture import random_field, region_texture
from chiomics.phantom.head.tracts import tract_chi
from chiomics.phantom.lesions.places import PlacedLesion


@dataclass(frozen=True)
class SubjectTissue:
    """One subject's properties per label: mean χ (ppm), texture SD (ppm), R2* (1/s)."""

    chi: dict[int, float]
    texture_sd: dict[int, float]
    r2star: dict[int, float]


def draw_tissue(rng: np.random.Generator, recipe: dict, group: str, age: float) -> SubjectTissue:
    """Draw the properties of one subject.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    recipe : dict
        Completed recipe.
    group : str
        The subject's group.
    age : float
        In years.

    Returns
    -------
    SubjectTissue
        Both sides of a nucleus share them.
    """
    effects = recipe["effects"].get(group, {})
    names = {label: nucleus for nucleus, label in tissue.NUCLEUS_LABELS.items()}
    chi, texture_sd, r2star = {}, {}, {}
    entropy = int(rng.integers(2**63))
    for label, row in tissue.tissue_table().items():
        effect = effects.get(names.get(label), {})
        # A stream per label: a label that is added to the table does not change the others.
        mean_draw, texture_draw, relaxation_draw = np.random.default_rng([entropy, label]).standard_normal(3)
        chi[label] = (
            row["chi"]
            + row["chi_age_slope"] * (age - tissue.REFERENCE_AGE)
            + row["chi_sd"] * (mean_draw + effect.get("mean_d", 0.0))
        )
        spread = recipe["texture_spread"] if label in names else 0.0
        texture_sd[label] = row["texture_sd"] * float(np.exp(spread * (texture_draw + effect.get("texture_d", 0.0))))
        r2star[label] = max(row["r2star"] + row["r2star_sd"] * relaxation_draw, 0.5 * row["r2star"])
    return SubjectTissue(chi, texture_sd, r2star)


def chi_map(
    rng: np.random.Generator, anatomy: Anatomy, properties: SubjectTissue, voxel_size: np.ndarray
) -> np.ndarray:
    """Fill the labels with susceptibility: means, fibre-orientation term and texture.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the texture.
    anatomy : Anatomy
        Labels and tracts.
    properties : SubjectTissue
        What was drawn for the subject.
    voxel_size : array_like, shape (3,)
        Voxel size of the anatomy's grid in mm.

    Returns
    -------
    ndarray, shape (X, Y, Z)
        χ in ppm relative to water, float32; the mean over every label is the drawn one, except that white matter has
        the fibre-orientation term in its tracts instead, and that each lesion has a shift of its own.
    """
    labels = anatomy.labels
    chi = tissue.lookup(properties.chi)[labels]
    rows = tissue.tissue_table()
    outside_tracts = _add_tracts(chi, anatomy, properties)
    field = random_field(
        rng, labels.shape, correlation=rows[tissue.WHITE]["texture_correlation"], voxel_size=voxel_size
    )
    for label, region in ((tissue.GREY, labels == tissue.GREY), (tissue.WHITE, outside_tracts)):
        values = field[region]
        chi[region] += properties.texture_sd[label] * (values - values.mean())
    for nucleus in NUCLEI:
        label = tissue.NUCLEUS_LABELS[nucleus]
        for image_label in (label, label + tissue.RIGHT):
            region = np.nonzero(labels == image_label)
            if region[0].size:
                chi[region] += region_texture(
                    rng,
                    region,
                    standard_deviation=properties.texture_sd[label],
                    correlation=rows[label]["texture_correlation"],
                    voxel_size=voxel_size,
                )
    for lesion in anatomy.lesions:
        _add_lesion(chi, lesion, properties, rows[tissue.LESION]["chi_sd"] * rng.standard_normal())
    return chi


def relaxation_maps(
    anatomy: Anatomy, properties: SubjectTissue, *, field_strength: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return R2* (1/s), T1 (s) and proton density, with partial volume of fluid, grey and white matter.

    R2* follows the field strength; T1, which changes no more than the contrast, is that of 3 T.

    Parameters
    ----------
    anatomy : Anatomy
        Labels and partial-volume fractions.
    properties : SubjectTissue
        What was drawn for the subject.
    field_strength : float
        In T.

    Returns
    -------
    r2star, t1, proton_density : ndarray, shape (X, Y, Z)
        Maps, float32.
    """
    rows = tissue.tissue_table()
    return (
        mixed_map(anatomy, properties.r2star) * np.float32(tissue.relative_r2star(field_strength)),
        mixed_map(anatomy, {label: row["t1"] for label, row in rows.items()}),
        mixed_map(anatomy, {label: row["proton_density"] for label, row in rows.items()}),
    )


def mixed_map(anatomy: Anatomy, values: dict[int, float]) -> np.ndarray:
    """Fill labels with values, mixing those of fluid, grey and white matter by their partial-volume fractions."""
    filled = tissue.lookup(values)[anatomy.labels]
    mixed = anatomy.brain & (
        (anatomy.labels == tissue.CSF) | (anatomy.labels == tissue.GREY) | (anatomy.labels == tissue.WHITE)
    )
    grey, white = anatomy.grey[mixed], anatomy.white[mixed]
    filled[mixed] = (
        values[tissue.CSF] * np.clip(1 - grey - white, 0, 1) + values[tissue.GREY] * grey + values[tissue.WHITE] * white
    )
    return filled


def _add_lesion(chi: np.ndarray, lesion: PlacedLesion, properties: SubjectTissue, shift: float) -> None:
    """Set a lesion's χ, with its rim and its vein at their partial-volume fractions."""
    looks = lesion.lesion.appearance
    level = properties.chi[tissue.LESION] + shift + looks.shift
    chi[lesion.voxels] = (level + looks.rim_contrast * lesion.rim_share).astype(np.float32)
    chi[lesion.vein_voxels] += (lesion.vein_share * (properties.chi[tissue.VEIN] - chi[lesion.vein_voxels])).astype(
        np.float32
    )


def _add_tracts(chi: np.ndarray, anatomy: Anatomy, properties: SubjectTissue) -> np.ndarray:
    """Set χ along the tracts, where they overlap that of the nearest course; return white matter outside tracts."""
    nearest = np.full(chi.shape, np.inf, np.float32)
    white = anatomy.labels == tissue.WHITE
    shift = properties.chi[tissue.WHITE] - tissue.tissue_table()[tissue.WHITE]["chi"]
    outside = white.copy()
    for (_, tract), found in anatomy.tracts.items():
        closer = (found.distance < nearest[found.voxels]) & white[found.voxels]
        voxels = tuple(axis[closer] for axis in found.voxels)
        nearest[voxels] = found.distance[closer]
        chi[voxels] = tract_chi(tract, found.direction[closer]) + np.float32(shift)
        outside[voxels] = False
    return outside
