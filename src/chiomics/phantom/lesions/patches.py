"""Lesions scanned one by one: each in a box of white matter at the voxel size of a study, for training rim detectors.

Whole heads at Zhang et al.'s 0.75 x 0.75 x 3 mm cost ten times as much, and most of a head is no lesion. A box holds
white matter with its texture, the ventricle's or the cortex' edge where the lesion's site has one, the lesion with its
rim and vein. Its field goes through the dipole kernel, a cut of k-space and noise; the inversion is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import b0_direction, voxel_size
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import lesion_sites
from chiomics.phantom.head.contrasts import NOISE
from chiomics.phantom.head.space import rotation_matrix
from chiomics.phantom.head.susceptibility import SubjectTissue, draw_tissue
from chiomics.phantom.head.texture import random_field
from chiomics.phantom.lesions.kinds import Appearance, draw_appearance
from chiomics.phantom.lesions.lesions import Lesion, draw_lesions
from chiomics.phantom.lesions.places import orient_lesion
from chiomics.phantom.lesions.raters import call_rims
from chiomics.phantom.lesions.shapes import Ellipsoid, box_voxels, rim_and_vein
from chiomics.phantom.recipe import packaged_profiles, random_stream
from chiomics.phantom.scanner.field import dipole_field
from chiomics.phantom.scanner.kspace import finer_grid

#: In-plane voxels and slices of a box, for lesions that reach less far than the number of mm, smallest first.
BOXES = {7.5: (36, 36, 18), 99.0: (48, 48, 18)}
#: Largest distance in mm of the ventricle or the cortex from the surface of a lesion beside it.
BESIDE = {"periventricular": (tissue.VENTRICLES, 2.0), "juxtacortical": (tissue.GREY, 1.5)}
#: Zero padding of the inversion in mm. A lesion lies in the middle of its box, whose field is known everywhere: the
#: 24 mm that a head takes double the time and change the χ of lesions by 1 ppb (RMS), a seventh of its spread.
PADDING = 10.0
#: Age at which tissue is drawn: where the table holds.
AGE = tissue.REFERENCE_AGE


@dataclass(frozen=True)
class LesionBox:
    """One lesion as it is scanned.

    Attributes
    ----------
    field : ndarray, shape (X, Y, Z)
        Local field with noise, ppm.
    flair : ndarray, shape (X, Y, Z)
        FLAIR on the same voxels, white matter near 1.
    lesion, white : ndarray of bool, shape (X, Y, Z)
        The lesion, and white matter without it and without veins.
    affine : ndarray, shape (4, 4)
        Voxel to template coordinates in mm.
    white_chi : float
        Susceptibility of the subject's white matter relative to cerebrospinal fluid as that is found, ppm.
    noise : float
        Standard deviation of the field's noise, ppm.
    truth : dict
        ``place``, ``rim``, ``kind``, ``rim_fraction``, ``rim_contrast``, ``vein`` and the calls ``rater1`` to
        ``rater3``.
    """

    field: np.ndarray
    flair: np.ndarray
    lesion: np.ndarray
    white: np.ndarray
    affine: np.ndarray
    white_chi: float
    noise: float
    truth: dict

    def inversion_input(self) -> dict:
        """Return what an inversion takes beside the field: mask, voxel size, direction of B0, noise and padding."""
        known = {"mask": np.ones(self.field.shape, bool), "voxel_size": voxel_size(self.affine)}
        return known | {"b0_direction": b0_direction(self.affine), "noise": self.noise, "padding": PADDING}

    def refer(self, chi: np.ndarray) -> np.ndarray:
        """Refer a reconstructed map in ppm to cerebrospinal fluid, as a head's map is: the box holds none."""
        return chi + np.float32(self.white_chi - np.median(chi[self.white]))


@dataclass(frozen=True)
class SubjectEffects:
    """What all lesions of one subject share, beside the tissue properties: why a split of lesions leaks.

    Attributes
    ----------
    reference : float
        Error of the map's zero, ppm.
    rim_contrast, noise, flair : float
        Factors of the rims' contrast, of the field's noise and of the lesions' FLAIR signal.
    """

    reference: float
    rim_contrast: float
    noise: float
    flair: float


def draw_effects(recipe: dict, participant_id: str) -> SubjectEffects:
    """Draw what one subject's lesions share: a normal shift of the reference, log-normal factors of median 1."""
    spread = recipe["lesion_patches"]["subject_spread"]
    draws = random_stream(recipe, participant_id, "patch subject").standard_normal(4)
    values = {name: spread[name] * draw for name, draw in zip(SubjectEffects.__annotations__, draws, strict=True)}
    return SubjectEffects(**{name: v if name == "reference" else float(np.exp(v)) for name, v in values.items()})


def list_patch_subjects(recipe: dict) -> dict[str, int]:
    """List the subjects of the training lesions with their numbers of rims, without simulating anything.

    Parameters
    ----------
    recipe : dict
        Completed recipe.

    Returns
    -------
    dict of str to int
        Participant to number of rims; the shares of the strata are kept as well as whole subjects can.
    """
    settings = recipe["lesion_patches"]
    count, strata = settings["subjects"], settings["rim_counts"]
    bounds = np.rint(np.cumsum([share for *_, share in strata]) * count).astype(int)
    rng = random_stream(recipe, "lesion patches", "rim counts")
    rims = np.concatenate(
        [
            rng.integers(low, high, size=end - start, endpoint=True)
            for (low, high, _), start, end in zip(strata, [0, *bounds[:-1]], bounds, strict=True)
        ]
    )
    order = rng.permutation(count)
    digits = max(2, len(str(count)))
    return {f"sub-LES{number + 1:0{digits}d}": int(rims[order[number]]) for number in range(count)}


def draw_patch_lesions(recipe: dict, participant_id: str, rims: int) -> list[Lesion]:
    """Draw one subject's lesions, of which the stated number has a rim.

    Parameters
    ----------
    recipe : dict
        Completed recipe.
    participant_id : str
        Of `list_patch_subjects`.
    rims : int
        How many have a rim.

    Returns
    -------
    list of Lesion
        Drawn again until enough of them are large enough for a rim.
    """
    drawn = {key: recipe["lesion_patches"][key] for key in ("mean_count", "drawn_from", "rim_min_diameter")}
    parameters = {**recipe["lesions"]["MS"], **drawn, "rim_share": 0.0}
    rng = random_stream(recipe, participant_id, "patch lesions")
    for _ in range(10_000):
        lesions = draw_lesions(rng, parameters)
        large = [k for k, lesion in enumerate(lesions) if lesion.diameter >= parameters["rim_min_diameter"]]
        if len(large) >= rims and lesions:
            break
    else:
        raise InputError(
            "no subject has so many lesions that can carry a rim",
            found=f"{rims} rims in lesion_patches.rim_counts",
            expected="fewer rims, or more or larger lesions",
        )
    for k in rng.choice(large, size=rims, replace=False) if rims else []:
        lesions[k] = replace(lesions[k], appearance=draw_appearance(rng, True, parameters["kinds"]))
    return lesions


def simulate_boxes(recipe: dict, participant_id: str, *, field_noise: float | None = None) -> Iterator[LesionBox]:
    """Scan the lesions of one subject.

    Parameters
    ----------
    recipe : dict
        Completed recipe.
    participant_id : str
        Of `list_patch_subjects`.
    field_noise : float, optional
        Median over subjects of the standard deviation of the field's noise in ppm, in place of the recipe's.

    Yields
    ------
    LesionBox
        One per lesion, in the order in which they were drawn.
    """
    settings = recipe["lesion_patches"]
    subjects = list_patch_subjects(recipe)
    lesions = draw_patch_lesions(recipe, participant_id, subjects[participant_id])
    calls = call_rims(
        random_stream(recipe, participant_id, "patch raters"),
        np.array([lesion.rim for lesion in lesions]),
        prevalence=sum(subjects.values()) / (settings["mean_count"] * len(subjects)),
        **recipe["raters"],
    )
    properties = draw_tissue(random_stream(recipe, participant_id, "tissue"), recipe, "MS", AGE)
    effects = draw_effects(recipe, participant_id)
    noise = (settings["field_noise"] if field_noise is None else field_noise) * effects.noise
    for number, lesion in enumerate(lesions, start=1):
        rng = random_stream(recipe, participant_id, f"patch {number}")
        looks = replace(lesion.appearance, rim_contrast=lesion.appearance.rim_contrast * effects.rim_contrast)
        box = _scan(rng, replace(lesion, appearance=looks), properties, settings, noise, effects)
        box.truth.update({key: call[number - 1] for key, call in calls.items()})
        yield box


def _scan(
    rng: np.random.Generator, lesion: Lesion, properties: SubjectTissue, settings: dict, noise: float,
    effects: SubjectEffects,
) -> LesionBox:  # fmt: skip
    """Build a box around one lesion and scan it."""
    profile = packaged_profiles()[settings["profile"]]
    points = lesion_sites()[lesion.site]
    centre = points[rng.integers(len(points))] + rng.uniform(-1, 1, 3)
    shape = orient_lesion(rng, lesion, centre, centre, np.eye(3))
    shape = replace(shape, lobes=0.12 * rng.standard_normal(3))
    size = next(size for reach, size in BOXES.items() if shape.axes.max() * 1.15 < reach)
    affine = np.eye(4)
    affine[:3, :3] = rotation_matrix(np.deg2rad(profile["obliquity"])) * profile["voxel_size"]
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(size) - 1) / 2 + rng.uniform(-0.5, 0.5, 3))
    grid = finer_grid(size, affine, factor=settings["oversampling"])
    labels, rim, vein = _box_labels(rng, shape, lesion, grid.affine, grid.shape)
    fine_voxel = voxel_size(grid.affine)

    texture = random_field(
        rng,
        grid.shape,
        correlation=tissue.tissue_table()[tissue.WHITE]["texture_correlation"],
        voxel_size=fine_voxel,
    )
    looks, own_shift = lesion.appearance, tissue.tissue_table()[tissue.LESION]["chi_sd"] * rng.standard_normal()
    chi = tissue.lookup(properties.chi)[labels] - np.float32(properties.chi[tissue.WHITE])
    is_lesion = labels == tissue.LESION
    chi[~is_lesion] += properties.texture_sd[tissue.WHITE] * texture[~is_lesion]
    # what is hyperintense throughout is so unevenly; an iso lesion and a rim's have no shift
    uneven = 1 + settings["hyperintense_texture"] * texture[is_lesion]
    chi[is_lesion] += own_shift + looks.shift * uneven + looks.rim_contrast * rim[is_lesion]
    chi += vein * (properties.chi[tissue.VEIN] - properties.chi[tissue.WHITE] - chi)
    physics = {"voxel_size": fine_voxel, "b0_direction": b0_direction(affine), "padding": 1.3}
    field = grid.to_acquisition(dipole_field(chi, **physics))
    field += noise * rng.standard_normal(field.shape, dtype=np.float32)

    flair = tissue.lookup({k: row["flair"] for k, row in tissue.tissue_table().items()})[labels]
    flair[is_lesion] *= effects.flair * (1 + settings["flair_spread"] * rng.standard_normal())
    flair += settings["flair_texture"] * random_field(rng, grid.shape, correlation=2.0, voxel_size=fine_voxel)
    flair = grid.voxel_means(ndimage.gaussian_filter(flair, 0.5 / fine_voxel, truncate=3))
    flair = np.hypot(*(flair * [[[[1]]], [[[0]]]] + NOISE * rng.standard_normal((2, *size)))).astype(np.float32)
    coarse = grid.nearest(labels)
    seen = coarse == tissue.LESION
    if not seen.any():
        # thinner than a slice and between the centres of two: the voxel that holds most of it
        share = grid.voxel_means(is_lesion.astype(np.float32))
        seen[np.unravel_index(share.argmax(), seen.shape)] = True
    return LesionBox(
        field=field,
        flair=flair,
        lesion=seen,
        white=(coarse == tissue.WHITE) & ~seen & (grid.nearest(vein) == 0),
        affine=affine,
        white_chi=properties.chi[tissue.WHITE] - properties.chi[tissue.CSF] + effects.reference,
        noise=noise,
        truth=_truth(lesion, looks),
    )


def _box_labels(
    rng: np.random.Generator, shape: Ellipsoid, lesion: Lesion, affine: np.ndarray, grid: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label the finer voxels of a box, and give the partial-volume fractions of rim and vein."""
    labels = np.full(grid, tissue.WHITE, np.uint8)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid), indexing="ij")).reshape(3, -1)
    if lesion.site in BESIDE:
        label, gap = BESIDE[lesion.site]
        # the ventricle lies at the near end of the first axis, the cortex anywhere
        normal = np.array([-1.0, 0, 0]) if label == tissue.VENTRICLES else rng.standard_normal(3)
        normal /= np.linalg.norm(normal)
        plane = np.linalg.norm(shape.axes * normal) + rng.uniform(-0.5, gap)
        beyond = normal @ shape.offset(index, affine) > plane
        labels[tuple(index[:, beyond])] = label
    index = box_voxels(shape, affine, grid)
    inside, _, _ = shape.depth(shape.offset(index, affine))
    allowed = ~np.isin(labels[tuple(index)], (tissue.VENTRICLES,))
    voxels = tuple(index[:, inside & allowed])
    labels[voxels] = tissue.LESION
    rim, vein = np.zeros(grid, np.float32), np.zeros(grid, np.float32)
    rim[voxels], vein_voxels, vein_share = rim_and_vein(shape, lesion.appearance, affine, grid, voxels)
    vein[vein_voxels] = vein_share
    return labels, rim, vein


def _truth(lesion: Lesion, looks: Appearance) -> dict:
    return {
        "place": lesion.site,
        "rim": int(lesion.rim),
        "kind": looks.kind,
        "rim_fraction": looks.rim_fraction,
        "rim_contrast": looks.rim_contrast,
        "vein": looks.vein,
    }
