"""The same physics on a real head: T1w tissue, real lesions and labels, with known susceptibility.

Tissue comes from the T1w intensities inside the brain: three class means (a mixture of normals) and, between
neighbouring means, shares in proportion, so that partial volume is kept. Deep grey nuclei, lesions and tracts are
taken from images where these are given, else (nuclei, tracts) from the phantom's own shapes. Skull, sinuses and veins
are the phantom's, placed by the affine that leads from the image's world to MNI space.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError
from chiomics.core.images import read_image, voxel_size
from chiomics.phantom.bids_output import write_subject
from chiomics.phantom.dataset import write_dataset_files
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy, add_nuclei, add_veins, head_labels
from chiomics.phantom.head.susceptibility import chi_map, draw_tissue
from chiomics.phantom.head.template import FLUID_DEPTH, load_template
from chiomics.phantom.head.tracts import TRACTS, TractVoxels, course_in_world, place_tracts
from chiomics.phantom.head.tubes import nearest_tangents
from chiomics.phantom.lesions.kinds import draw_appearance
from chiomics.phantom.lesions.lesions import Lesion, rim_probability_when_large
from chiomics.phantom.lesions.places import PlacedLesion
from chiomics.phantom.recipe import Session, foretell_session, load_recipe, random_stream
from chiomics.phantom.subject import acquisition_grid, image_subject

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AffineSpace:
    """A head that an affine relates to the template; the interface of `space.SubjectSpace`."""

    to_mni: np.ndarray

    def to_template(self, world: np.ndarray) -> np.ndarray:
        """Map world points to template points; both of shape (3, ...) in mm."""
        return _apply(self.to_mni, world)

    def from_template(self, template: np.ndarray) -> np.ndarray:
        """Map template points to world points; both of shape (3, ...) in mm."""
        return _apply(np.linalg.inv(self.to_mni), template)

    def grid_to_template(self, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
        """Map every voxel of a grid to template coordinates, shape (3, X, Y, Z) float32."""
        return _apply(self.to_mni @ affine, np.indices(shape, dtype=np.float32))


def simulate_on_anatomy(
    t1w: str | Path,
    out_dir: str | Path,
    *,
    labels: str | Path | None = None,
    lesions: str | Path | None = None,
    brain: str | Path | None = None,
    tracts: str | Path | None = None,
    to_mni: np.ndarray | None = None,
    recipe: dict | str | Path | None = None,
    participant_id: str = "sub-real01",
    group: str = "MS",
    age: float = tissue.REFERENCE_AGE,
    workers: int = 1,
) -> list[Path]:
    """Simulate the gradient echo of a real head and write it with its truth.

    Parameters
    ----------
    t1w : path-like
        T1w image.
    out_dir : path-like
        BIDS data set to write.
    labels : path-like, optional
        Deep grey nuclei with the phantom's label numbers (`tissue.tsv`; right-hand ones + 100), on any grid of the same
        world.
    lesions : path-like, optional
        Lesion mask; its connected components are the lesions.
    brain : path-like, optional
        Brain mask; without it the template's brain, where the T1w image is not dark.
    tracts : path-like, optional
        Folder of masks ``*hemi-<L|R>_label-<tract>_mask.nii.gz``, which replace the phantom's tracts of these names.
    to_mni : ndarray, shape (4, 4), optional
        From the images' world to MNI mm; without it the images must already be in MNI space.
    recipe : dict or path-like, optional
        Acquisition, rims, raters, seed; as `load_recipe` takes it.
    participant_id, group, age
        The participant; years.
    workers : int
        Threads of the FFTs.

    Returns
    -------
    list of Path
        The subject's files.

    Raises
    ------
    InputError
        Where an image is not where MNI space has a brain, or a label is unknown.
    """
    recipe = load_recipe(recipe)
    participant = {"group": group, "age": age, "sex": None, "disease_duration": None, "edss": None}
    session = foretell_session(recipe, "sub-" + participant_id.removeprefix("sub-"), participant)
    space = AffineSpace(np.eye(4) if to_mni is None else np.asarray(to_mni, float))
    grid, affine = acquisition_grid(space, recipe["acquisition"])
    anatomy = real_anatomy(
        recipe,
        session,
        space,
        grid.shape,
        grid.affine,
        t1w=t1w,
        labels=labels,
        lesions=lesions,
        brain=brain,
        tracts=tracts,
    )
    properties = draw_tissue(random_stream(recipe, participant_id, "tissue"), recipe, group, age)
    chi = chi_map(random_stream(recipe, participant_id, "texture"), anatomy, properties, voxel_size(grid.affine))
    subject = image_subject(recipe, session, space, grid, affine, anatomy, properties, chi, workers=workers)
    write_dataset_files(recipe, out_dir, sessions=[session])
    return write_subject(recipe, session, subject, out_dir)


def real_anatomy(
    recipe: dict,
    session: Session,
    space: AffineSpace,
    shape: tuple[int, ...],
    affine: np.ndarray,
    *,
    t1w: str | Path,
    labels: str | Path | None,
    lesions: str | Path | None,
    brain: str | Path | None,
    tracts: str | Path | None,
) -> Anatomy:
    """Put a real head's anatomy on a grid; parameters as in `simulate_on_anatomy`."""
    template = load_template()
    points = space.grid_to_template(shape, affine)
    depth = template.distance_to_hull(points)
    filled = head_labels(points, depth)
    intensity = _on_grid(t1w, shape, affine)
    if brain is None:
        inside = (template.sample("brain", points) > 0.5) & (intensity > 0)
    else:
        inside = _on_grid(brain, shape, affine) > 0.5
    if inside.sum() * abs(np.linalg.det(affine[:3, :3])) < 5e5:
        raise InputError(
            "no brain where MNI space has one",
            file=t1w,
            found="less than half a litre",
            expected="images in MNI space, or --to-mni",
        )
    grey, white = tissue_fractions(intensity, inside)
    shares = np.stack([1 - grey - white, grey, white])[:, inside]
    filled[inside] = np.array([tissue.CSF, tissue.GREY, tissue.WHITE], np.uint8)[shares.argmax(axis=0)]
    # A real brain is not the template's: what its hull leaves over is fluid inside the skull.
    filled[~inside & (depth < FLUID_DEPTH)] = tissue.CSF
    filled[(template.sample("ventricles", points) > 0.2) & (filled == tissue.CSF) & inside] = tissue.VENTRICLES
    if labels is None:
        add_nuclei(filled, points, space, affine, {})
    else:
        nuclei = _on_grid(labels, shape, affine, order=0).astype(int)
        known = {*tissue.NUCLEUS_LABELS.values(), *(label + tissue.RIGHT for label in tissue.NUCLEUS_LABELS.values())}
        if unknown := set(np.unique(nuclei).tolist()) - known - {0}:
            raise InputError("unknown labels", file=labels, found=str(sorted(unknown)), expected=str(sorted(known)))
        filled[(nuclei > 0) & inside] = nuclei[(nuclei > 0) & inside]
    is_white = filled == tissue.WHITE
    placed_tracts = place_tracts(space, is_white, shape=shape, affine=affine)
    if tracts is not None:
        placed_tracts |= _masked_tracts(Path(tracts), space, is_white, affine)
    add_veins(
        filled,
        space,
        random_stream(recipe, session.participant_id, "veins"),
        medullary=recipe["veins"]["medullary"],
        affine=affine,
    )
    found = (
        []
        if lesions is None
        else _real_lesions(recipe, session, _on_grid(lesions, shape, affine) > 0.5, filled, affine, points)
    )
    lesion_index = np.zeros(shape, np.int16)
    for number, lesion in enumerate(found, start=1):
        lesion_index[lesion.voxels] = number
        filled[lesion.voxels] = np.where(lesion.is_rim, tissue.RIM, tissue.LESION)
    log.info("%s: %d lesions on a real anatomy", session.participant_id, len(found))
    return Anatomy(filled, grey, white, inside, lesion_index, found, placed_tracts, points)


def tissue_fractions(intensity: np.ndarray, brain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the partial-volume fractions of grey and white matter from T1w intensities.

    Parameters
    ----------
    intensity : ndarray, shape (X, Y, Z)
        T1w image.
    brain : ndarray of bool, shape (X, Y, Z)
        Brain with its fluid.

    Returns
    -------
    grey, white : ndarray, shape (X, Y, Z)
        0 to 1; what is left inside the brain is fluid.
    """
    values = intensity[brain]
    means = _class_means(values)
    grey, white = np.zeros(intensity.shape, np.float32), np.zeros(intensity.shape, np.float32)
    grey[brain] = np.interp(values, means, [0, 1, 0])
    white[brain] = np.interp(values, means, [0, 0, 1])
    return grey, white


def _class_means(values: np.ndarray) -> np.ndarray:
    """Fit three normal classes to a histogram by expectation and maximisation; return their means, rising."""
    counts, edges = np.histogram(values, 256, range=(0, np.percentile(values, 99.9)))
    centres = (edges[:-1] + edges[1:]) / 2
    means = np.percentile(values, [4, 40, 80])
    spreads, shares = np.full(3, values.std() / 3), np.full(3, 1 / 3)
    for _ in range(300):
        density = shares / spreads * np.exp(-0.5 * ((centres[:, None] - means) / spreads) ** 2)
        weights = counts[:, None] * density / np.maximum(density.sum(axis=1, keepdims=True), 1e-30)
        total = weights.sum(axis=0)
        means = (weights * centres[:, None]).sum(axis=0) / total
        spreads = np.sqrt((weights * (centres[:, None] - means) ** 2).sum(axis=0) / total) + edges[1]
        shares = total / total.sum()
    return np.sort(means)


def _real_lesions(
    recipe: dict, session: Session, mask: np.ndarray, labels: np.ndarray, affine: np.ndarray, points: np.ndarray
) -> list[PlacedLesion]:
    """Turn the components of a lesion mask into lesions, some with a rim as the recipe's share has it; no veins."""
    allowed = mask & np.isin(labels, (tissue.WHITE, tissue.GREY, tissue.CSF, tissue.VENTRICLES))
    regions, _ = ndimage.label(allowed, np.ones((3, 3, 3)))
    depth = ndimage.distance_transform_edt(allowed, sampling=voxel_size(affine))
    parameters = recipe["lesions"].get(session.participant["group"], recipe["lesions"]["MS"])
    probability = rim_probability_when_large(parameters)
    rng = random_stream(recipe, session.participant_id, "lesions")
    looks = rng.spawn(1)[0]
    placed = []
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        local = np.nonzero(regions[box] == number)
        if len(local[0]) < 2:
            continue
        voxels = tuple(axis + span.start for axis, span in zip(local, box, strict=True))
        volume = len(local[0]) * abs(np.linalg.det(affine[:3, :3]))
        diameter = float((6 * volume / np.pi) ** (1 / 3))
        rim = bool(rng.random() < probability) and diameter >= parameters["rim_min_diameter"]
        centre = points[(slice(None), *voxels)].mean(axis=1)
        appearance = draw_appearance(looks, rim, parameters["kinds"])
        outward = points[(slice(None), *voxels)] - centre[:, None]
        outward = outward / np.maximum(np.linalg.norm(outward, axis=0), 1e-6)
        covered = np.array(appearance.opening) @ outward <= 2 * appearance.rim_fraction - 1
        rim_share = (covered & (depth[voxels] <= max(appearance.rim_width, voxel_size(affine).max()))) & rim
        nothing = (np.empty(0, int),) * 3
        lesion = Lesion(diameter, "real", replace(appearance, vein="none"))
        placed.append(PlacedLesion(lesion, centre, voxels, rim_share.astype(float), nothing, np.empty(0)))
    return placed


def _masked_tracts(
    folder: Path, space: AffineSpace, white: np.ndarray, affine: np.ndarray
) -> dict[tuple[str, str], TractVoxels]:
    """Take tracts from masks; the fibre direction is that of the nearest point of the tract's own course."""
    placed = {}
    for path in sorted(folder.glob("*_mask.nii.gz")):
        entities, _, _ = parse_name(path.name)
        key = (entities.get("hemi"), entities.get("label"))
        if key[0] not in ("L", "R") or key[1] not in TRACTS:
            continue
        voxels = np.nonzero((_on_grid(path, white.shape, affine) > 0.5) & white)
        world = np.stack(voxels, axis=1) @ affine[:3, :3].T + affine[:3, 3]
        distance, direction = nearest_tangents(course_in_world(space, *key), world)
        placed[key] = TractVoxels(voxels, distance, direction)
    if not placed:
        raise InputError("no tract masks", file=folder, expected="*hemi-<L|R>_label-<tract>_mask.nii.gz")
    return placed


def _on_grid(path: str | Path, shape: tuple[int, ...], affine: np.ndarray, *, order: int = 1) -> np.ndarray:
    """Read an image and interpolate it onto a grid of the same world, 0 outside."""
    image, image_affine = read_image(path)
    to_image = np.linalg.inv(image_affine) @ affine
    return ndimage.affine_transform(image, to_image[:3, :3], to_image[:3, 3], output_shape=shape, order=order)


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    flat = np.asarray(points, np.float32).reshape(3, -1)
    moved = matrix[:3, :3].astype(np.float32) @ flat + matrix[:3, 3:].astype(np.float32)
    return moved.reshape(np.shape(points))
