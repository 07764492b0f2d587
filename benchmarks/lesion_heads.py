"""Simulated heads on which lesions are hard to find: what `lesion_training` learns from and what settings are tuned on.

The phantom's anatomy, imaged as no two scanners do: contrast, noise, blur, slice thickness of the T1w, bias, texture
and the place of the priors are drawn per head over wide ranges (domain randomisation, Billot et al. 2023, Med Image
Anal 86:102789). Added is what makes false lesions in real FLAIR: bright limbic cortex, bright tracts, walls and caps
of the ventricles, septum, choroid plexus, pulsating fluid, and a brain mask that reaches into the meninges. Lesions
differ in brightness, grow together and have soft borders. All ranges are modelling choices from the appearance
described in textbooks and the phantom's contrast table; none was fitted to a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.space.template import template_priors
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy, build_anatomy, lesion_sites
from chiomics.phantom.head.contrasts import receive_bias
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.space import SubjectSpace, random_space
from chiomics.phantom.head.template import load_template
from chiomics.phantom.lesions.lesions import draw_lesions
from chiomics.phantom.lesions.places import place_lesions
from chiomics.phantom.recipe import load_recipe

#: Grid of the heads: 1 mm.
SHAPE, VOXEL = (160, 196, 166), np.ones(3)
#: Group by seed modulo 4.
GROUPS = ("MS", "MS", "NMOSD", "HC")
#: From this seed on lesions of MS are as large, and lie where, patients' masks have them; heads 0 to 15 train.
FROM_MASKS = 28


@dataclass(frozen=True)
class LesionHead:
    """One head; all images on one grid.

    Attributes
    ----------
    group : str
        ``MS``, ``NMOSD`` or ``HC``.
    flair, t1w : ndarray, shape (x, y, z)
        Images.
    brain : ndarray of bool, shape (x, y, z)
        Brain mask, with an error.
    priors : ndarray, shape (3, x, y, z)
        Of white matter, grey matter and fluid, displaced as after a registration.
    lesions : ndarray of int, shape (x, y, z)
        Number of the true lesion.
    voxel_size : ndarray, shape (3,)
        In mm.
    """

    group: str
    flair: np.ndarray
    t1w: np.ndarray
    brain: np.ndarray
    priors: np.ndarray
    lesions: np.ndarray
    voxel_size: np.ndarray

    def coarser(self, voxel: float) -> LesionHead:
        """Bring a head to larger voxels, with their partial volume."""
        step = voxel / self.voxel_size[0]

        def zoom(image: np.ndarray, order: int = 1) -> np.ndarray:
            return ndimage.zoom(image, 1 / step, order=order)

        flair, t1w = (zoom(ndimage.gaussian_filter(i, 0.4 * np.sqrt(step**2 - 1))) for i in (self.flair, self.t1w))
        return LesionHead(
            self.group, flair, t1w, zoom(self.brain.astype(np.float32)) > 0.5, np.stack(list(map(zoom, self.priors))),
            zoom(self.lesions, 0), self.voxel_size * step,
        )  # fmt: skip


def lesion_head(seed: int) -> LesionHead:
    """Draw a head; the seed gives the group too."""
    rng, group = np.random.default_rng([2024, seed]), GROUPS[seed % 4]
    space = random_space(rng, size_sd=0.03, shape_sd=3.5, correlation=18, rotation_sd=4, translation_sd=3)
    affine = np.eye(4)
    affine[:3, 3] = space.from_template(np.array([[0, -17, 4.0]]).T)[:, 0] - (np.array(SHAPE) - 1) / 2
    anatomy, numbers = _anatomy(rng, group, space, affine, "masks" if seed >= FROM_MASKS else "recipe")
    replaced = np.where(anatomy.labels == tissue.LESION, tissue.WHITE, anatomy.labels)
    flair, t1w, fluid_level, normal = _normal_images(rng, anatomy)
    lesions = np.zeros(SHAPE, int)
    if group != "HC":
        flair, t1w, lesions = _add_lesions(rng, anatomy, numbers, replaced, normal, flair, t1w)
    else:
        rng.uniform(0.5, 1.05), _field(rng, 2.5, 0.35), rng.uniform(0.3, 0.9)
    brain = anatomy.brain
    outside = ndimage.distance_transform_edt(~brain) - ndimage.distance_transform_edt(brain)
    mask = outside < (rng.uniform(-0.5, 1.0) + _field(rng, 12, 0.8))
    shell = ~brain
    bright, level = rng.random() < 0.5, rng.uniform(0.1, 0.6)
    flair[shell] = level if bright else fluid_level
    flair[shell] += np.clip(_field(rng, 4, 0.3), 0, None)[shell]
    t1w[shell] = rng.uniform(0.1, 0.5)
    flair, t1w = _scan(rng, flair, t1w)
    points = anatomy.coordinates.copy()
    error = rng.uniform(1.0, 2.0)
    for axis in range(3):
        points[axis] += _field(rng, 6, error) + _field(rng, 25, 1.0)
    return LesionHead(group, flair, t1w, mask, _priors(points), lesions, VOXEL)


def _anatomy(rng: np.random.Generator, group: str, space: SubjectSpace, affine: np.ndarray, drawn_from: str) -> tuple:
    """Build the anatomy, and number lesions of which some lie on others."""
    parameters = dict(load_recipe(None)["lesions"]["NMOSD" if group == "NMOSD" else "MS"])
    if group == "MS":
        parameters |= {"mean_count": 30, "diameter_median": rng.uniform(4.5, 7), "diameter_log_sd": 0.5}
        parameters |= {"diameter_range": [2.5, 20], "drawn_from": drawn_from}
    lesions = draw_lesions(rng, parameters) if group != "HC" else []
    anatomy = build_anatomy(
        space, lesions, shape=SHAPE, affine=affine, vein_rng=rng, lesion_rng=rng, medullary_veins=40,
        nucleus_scale=dict.fromkeys(NUCLEI, 1), lesions_drawn_from=parameters["drawn_from"],
    )  # fmt: skip
    numbers = anatomy.lesion_index.astype(int)
    if group == "MS":
        more = draw_lesions(rng, parameters | {"mean_count": 12})
        labels = np.where(anatomy.labels == tissue.LESION, tissue.WHITE, anatomy.labels)
        allowed = (labels == tissue.WHITE) | ((labels == tissue.GREY) & (anatomy.white > 0.25))
        try:
            placed = place_lesions(rng, more, lesion_sites(drawn_from), space, allowed, affine=affine)
        except InputError:  # the head is full
            placed = []
        for number, lesion in enumerate(placed, start=int(numbers.max()) + 1):
            numbers[lesion.voxels] = number
    return anatomy, numbers


def _normal_images(rng: np.random.Generator, anatomy: Anatomy) -> tuple:
    """Return FLAIR and T1w without lesions, white matter at 1, the fluid's level and the choroid's texture."""
    draw, table = rng.uniform, tissue.tissue_table()
    grey, white, labels = anatomy.grey, anatomy.white, anatomy.labels
    fluid = np.clip(1 - grey - white, 0, 1)
    x, y, z = anatomy.coordinates
    side = np.abs(x)
    grey_level, fluid_level = draw(1.10, 1.32), draw(0.08, 0.35)
    flair = (fluid * fluid_level + white + grey * grey_level).astype(np.float32)
    grey_t1w, fluid_t1w = draw(0.6, 0.8), draw(0.15, 0.4)
    t1w = (fluid * fluid_t1w + white + grey * grey_t1w).astype(np.float32)
    insula = _bump((side, y, z), (36, 2, 2), (7, 22, 14))
    cingulum = _bump((side, y, z), (0, 5, 28), (7, 45, 14))
    hippocampus = _bump((side, y, z), (24, -12, -20), (8, 14, 8))
    limbic = np.clip(insula + cingulum + hippocampus, 0, 1)
    flair += grey * (draw(0.05, 0.25) * limbic + _field(rng, 20, 0.05) + _field(rng, 4, 0.03))
    for label, row in table.items():
        if label in tissue.NUCLEUS_LABELS.values():
            here = (labels == label) | (labels == label + tissue.RIGHT)
            flair[here] = row["flair"] + rng.normal(0, 0.06)
            t1w[here] = row["t1w"] + rng.normal(0, 0.03)
    flair[labels == tissue.VEIN] = draw(0.4, 0.9)
    t1w[labels == tissue.VEIN] = 0.6
    flair += white * (_field(rng, 2, draw(0.005, 0.025)) + _field(rng, 7, draw(0.01, 0.03)))
    for (_, tract), found in anatomy.tracts.items():
        if tract in ("CST", "OR"):
            course = np.zeros(SHAPE, np.float32)
            course[found.voxels] = 1
            flair += white * ndimage.gaussian_filter(course, 1.5) * draw(0.02, 0.12)
    flair += white * draw(0, 0.12) * _bump((side, y, z), (28, -45, 18), (10, 20, 12))
    below_tentorium = 1 / (1 + np.exp((z + 22) / 4)) * (y < 0)
    flair *= 1 + below_tentorium * rng.normal(0, 0.06)
    ventricles = load_template().sample("ventricles", anatomy.coordinates) > 0.5
    from_ventricle = ndimage.distance_transform_edt(~ventricles)
    thickness = draw(0.6, 1.6)
    caps = _bump((side, y), (16, 34), (6, 8)) + _bump((side, y), (24, -52), (8, 8))
    wall = np.exp(-(np.clip(from_ventricle - 1, 0, None) ** 2) / (2 * thickness**2)) * (from_ventricle > 0)
    flair += wall * (white + 0.3 * grey) * (draw(0.05, 0.3) + draw(0, 0.35) * np.clip(caps, 0, 1))
    septum = (side < 1.2) & (from_ventricle < 3) & (y > -15) & (y < 30) & (z > 0)
    flair[septum] = np.maximum(flair[septum], draw(1.1, 1.6))
    texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE).astype(np.float32), 1.5)
    texture /= texture.std()
    choroid = ventricles & (texture > 1.0) & (((y < -20) & (z > -8)) | (np.abs(y) < 12))
    flair[choroid] = draw(0.9, 1.8)
    t1w[choroid] = draw(0.4, 0.7)
    pulsation = np.clip(_field(rng, 7, 1), 0, None)
    flair += fluid * pulsation * draw(0, 0.5) * ((z < 0) | ventricles)
    return flair, t1w, fluid_level, (fluid, ventricles, texture)


def _add_lesions(
    rng: np.random.Generator,
    anatomy: Anatomy,
    numbers: np.ndarray,
    labels: np.ndarray,
    normal: tuple,
    flair: np.ndarray,
    t1w: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replace tissue by lesions with uneven, soft borders, each with its own brightness."""
    fluid, ventricles, texture = normal
    lesions, share = np.zeros(SHAPE, int), np.zeros(SHAPE, np.float32)
    brighter, darker = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    patient = rng.uniform(0.5, 1.05)
    uneven, softness = _field(rng, 2.5, 0.35), rng.uniform(0.3, 0.9)
    for number, found in enumerate(ndimage.find_objects(numbers), start=1):
        if found is None:  # hidden below a later one
            continue
        box = tuple(slice(max(part.start - 5, 0), part.stop + 5) for part in found)
        here = numbers[box] == number
        depth = ndimage.distance_transform_edt(here) - ndimage.distance_transform_edt(~here)
        depth = np.where(depth > 0, depth - 0.5, depth + 0.5) + uneven[box] * min(1.5, depth.max() / 2)
        part = 1 / (1 + np.exp(-depth / (softness * 0.6))) * (labels[box] != tissue.CSF)
        part *= ~ventricles[box] * (1 - 0.6 * fluid[box])
        level = patient * rng.uniform(0.6, 1.1) * (1 + 0.15 * texture[box])
        hole = rng.uniform(0.03, 0.40)
        more = part > share[box]
        brighter[box] = np.where(more, level, brighter[box])
        darker[box] = np.where(more, hole, darker[box])
        lesions[box] = np.where(more & (part > 0.5), number, lesions[box])
        share[box] = np.maximum(part, share[box])
    flair = flair * (1 - share) + share * (1.0 + brighter)
    t1w = t1w * (1 - share) + share * (t1w * (1 - darker))
    penumbra = ndimage.gaussian_filter((share > 0.5).astype(np.float32), 3) * anatomy.white * (1 - share)
    flair += penumbra * rng.uniform(0, 0.25) * patient
    return flair, t1w, lesions


def _scan(rng: np.random.Generator, flair: np.ndarray, t1w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blur, displace, shade and add correlated Rician noise, as in images that were resampled."""
    flair = ndimage.gaussian_filter(flair, rng.uniform(0.25, 0.6))
    blur = rng.uniform(0.25, 0.6)
    t1w = ndimage.gaussian_filter(t1w, [blur, blur, rng.uniform(0.3, 1.4)])
    t1w = ndimage.shift(t1w, rng.normal(0, 0.3, 3), order=1)
    shaded = [
        image * (1 + (receive_bias(rng, SHAPE, amplitude=0.02) - 1) + _field(rng, 30, 0.015)) for image in (flair, t1w)
    ]
    levels = rng.uniform(0.015, 0.06), rng.uniform(0.015, 0.05)

    def noisy(image: np.ndarray, level: float) -> np.ndarray:
        noise = [
            ndimage.gaussian_filter(rng.standard_normal(SHAPE).astype(np.float32), 0.5) for _ in ("real", "imaginary")
        ]
        factor = level / noise[0].std()
        return np.hypot(image + factor * noise[0], factor * noise[1])

    flair, t1w = starmap(noisy, zip(shaded, levels, strict=True))
    gain = rng.uniform(50, 900)
    return (flair * gain).astype(np.float32), (t1w * gain).astype(np.float32)


def _priors(points: np.ndarray) -> np.ndarray:
    """Sample the template's tissue maps, shape (3, x, y, z)."""
    maps = template_priors(1.0)
    origin = maps["WM"].affine[:3, 3]
    index = [points[axis] - np.float32(origin[axis]) for axis in range(3)]
    return np.stack(
        [ndimage.map_coordinates(maps[name].voxels, index, order=1, output=np.float32) for name in ("WM", "GM", "CSF")]
    )


def _bump(points: tuple, centre: tuple, width: tuple) -> np.ndarray:
    """Return a Gaussian bump of height 1."""
    return np.exp(-sum(((p - c) / w) ** 2 for p, c, w in zip(points, centre, width, strict=True)))


def _field(rng: np.random.Generator, correlation: float, sd: float) -> np.ndarray:
    """Draw a smooth random field with a standard deviation, made on a coarse grid; correlation in mm."""
    step = np.maximum(correlation / VOXEL / 2, 1)
    coarse = [int(np.ceil(n / s)) + 4 for n, s in zip(SHAPE, step, strict=True)]
    field = ndimage.gaussian_filter(rng.standard_normal(coarse).astype(np.float32), correlation / (VOXEL * step))
    field *= sd / field.std()
    return ndimage.affine_transform(field, np.diag(1 / step), 1.5, output_shape=SHAPE, order=1, output=np.float32)
