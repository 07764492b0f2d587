"""One simulated subject from end to end: anatomy, susceptibility, field, echoes, structural images, truth."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from chiomics.core.images import b0_direction, voxel_size
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy, build_anatomy
from chiomics.phantom.head.contrasts import draw_motion, receive_bias, structural_image
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.space import SubjectSpace, random_space, rotation_matrix
from chiomics.phantom.head.susceptibility import SubjectTissue, chi_map, draw_tissue, mixed_map, relaxation_maps
from chiomics.phantom.lesions.lesions import draw_lesions
from chiomics.phantom.recipe import Session, random_stream
from chiomics.phantom.scanner.diffusion import DiffusionImages, diffusion_images
from chiomics.phantom.scanner.field import dipole_field, shim
from chiomics.phantom.scanner.kspace import FinerGrid, finer_grid
from chiomics.phantom.scanner.signal import add_noise, echo_signals, steady_state
from chiomics.phantom.truth_tables import label_rows, lesion_rows

log = logging.getLogger(__name__)

#: Template point at the centre of the GRE's slab, and of the structural images, mm.
SLAB_CENTRE = np.array([0.0, -17.0, 11.0])
STRUCTURAL_CENTRE = np.array([0.0, -14.0, 0.0])
#: Template heights between which the head contributes to the field, mm.
HEAD_BOTTOM, HEAD_TOP = -128.0, 102.0
#: Periodic box over the head's grid, and smoothing of the sources outside the brain in finer voxels.
PADDING, SMOOTHING = 1.3, 0.8


@dataclass(frozen=True)
class SimulatedSubject:
    """Everything that is written of a subject; images on the GRE grid unless said otherwise.

    Attributes
    ----------
    affine : ndarray, shape (4, 4)
        Of the GRE grid, mm.
    echoes : list of ndarray of complex64
        Noisy complex signals.
    structural : dict of str to (ndarray, ndarray)
        ``T1w`` and ``FLAIR``: image and its affine.
    chi, r2star, total_field, local_field : ndarray
        Truth: ppm, 1/s, ppm, ppm. The local field is that of the sources inside the brain mask. Both it and χ inside
        the mask are cut in k-space as the signal is, without what lies outside the mask; χ outside is the mean over
        the voxel.
    brain : ndarray of bool
        Brain with its fluid.
    labels, lesion_index : ndarray
        Truth labels and lesion numbers.
    tract_masks : dict of (hemisphere, tract) to ndarray of bool
        Tracts.
    coordinates : ndarray, shape (3, X, Y, Z)
        Template (MNI) coordinates of the voxels, mm.
    label_rows, lesion_rows : list of dict
        Tables: per label the asked and the realised means; per lesion volume, site, rim and the raters' calls.
    sigma : float
        Standard deviation of the noise, each complex part.
    diffusion : DiffusionImages or None
        Where the recipe asks for it.
    motions : dict of str to ndarray, shape (4, 4)
        Per image that is not a GRE, the rigid matrix from the GRE's world to its world.
    """

    affine: np.ndarray
    echoes: list[np.ndarray]
    structural: dict[str, tuple[np.ndarray, np.ndarray]]
    chi: np.ndarray
    r2star: np.ndarray
    total_field: np.ndarray
    local_field: np.ndarray
    brain: np.ndarray
    labels: np.ndarray
    lesion_index: np.ndarray
    tract_masks: dict[tuple[str, str], np.ndarray]
    coordinates: np.ndarray
    label_rows: list[dict]
    lesion_rows: list[dict]
    sigma: float
    diffusion: DiffusionImages | None
    motions: dict[str, np.ndarray]


def simulate(recipe: dict, session: Session, *, workers: int = 1) -> SimulatedSubject:
    """Simulate one subject.

    Parameters
    ----------
    recipe : dict
        Completed recipe.
    session : Session
        Which subject.
    workers : int
        Threads of the FFTs.

    Returns
    -------
    SimulatedSubject
        Images and truth.
    """
    acquisition, shape_of_heads = recipe["acquisition"], recipe["anatomy"]
    group, age = session.participant["group"], session.participant["age"]

    def stream(purpose: str) -> np.random.Generator:
        return random_stream(recipe, session.participant_id, purpose)

    space = random_space(
        stream("shape"),
        size_sd=shape_of_heads["size_sd"],
        shape_sd=shape_of_heads["shape_sd"],
        correlation=shape_of_heads["shape_correlation"],
        asymmetry=shape_of_heads["shape_asymmetry"],
        rotation_sd=shape_of_heads["rotation_sd"],
        translation_sd=shape_of_heads["translation_sd"],
    )
    grid, affine = acquisition_grid(space, acquisition)
    lesion_parameters = recipe["lesions"].get(group)
    lesions = draw_lesions(stream("lesions"), lesion_parameters) if lesion_parameters else []
    sizes = 1 + shape_of_heads["nucleus_size_sd"] * stream("nucleus sizes").standard_normal(len(NUCLEI))
    anatomy = build_anatomy(
        space,
        lesions,
        shape=grid.shape,
        affine=grid.affine,
        vein_rng=stream("veins"),
        lesion_rng=stream("lesion places"),
        medullary_veins=recipe["veins"]["medullary"],
        nucleus_scale=dict(zip(NUCLEI, sizes.tolist(), strict=True)),
        lesions_drawn_from=lesion_parameters["drawn_from"] if lesion_parameters else "recipe",
    )
    log.info("%s: anatomy with %d lesions on %s voxels", session.participant_id, len(lesions), grid.shape)
    properties = draw_tissue(stream("tissue"), recipe, group, age)
    chi = chi_map(stream("texture"), anatomy, properties, voxel_size(grid.affine))
    return image_subject(recipe, session, space, grid, affine, anatomy, properties, chi, workers=workers)


def image_subject(
    recipe: dict,
    session: Session,
    space: SubjectSpace,
    grid: FinerGrid,
    affine: np.ndarray,
    anatomy: Anatomy,
    properties: SubjectTissue,
    chi: np.ndarray,
    *,
    workers: int = 1,
) -> SimulatedSubject:
    """Scan a head whose anatomy and susceptibility are given; parameters as `simulate` makes them."""

    def stream(purpose: str) -> np.random.Generator:
        return random_stream(recipe, session.participant_id, purpose)

    acquisition, shape_of_heads = recipe["acquisition"], recipe["anatomy"]
    fine_voxel, b0 = voxel_size(grid.affine), b0_direction(affine)
    exterior = properties.chi[tissue.AIR]
    physics = {"voxel_size": fine_voxel, "b0_direction": b0, "padding": PADDING, "workers": workers}
    local = dipole_field(np.where(anatomy.brain, chi, 0), **physics)
    outside = np.where(anatomy.brain, 0, chi)
    background = dipole_field(outside, exterior=exterior, smoothing=SMOOTHING * float(fine_voxel.max()), **physics)
    field = shim(background + local, anatomy.brain, voxel_size=fine_voxel, order=recipe["phase"]["shim_order"])
    r2star, t1, proton_density = relaxation_maps(anatomy, properties, field_strength=acquisition["field_strength"])
    transverse = steady_state(
        proton_density, t1, repetition_time=acquisition["repetition_time"], flip_angle=acquisition["flip_angle"]
    )
    transverse *= receive_bias(stream("receive sensitivity"), grid.shape)
    first_echo = acquisition["echo_times"][0]
    white = anatomy.labels == tissue.WHITE
    sigma = float((transverse[white] * np.exp(-first_echo * r2star[white])).mean()) / acquisition["snr"]
    offset = _phase_offset(stream("phase offset"), grid.shape, recipe["phase"]["offset_amplitude"])
    readout = None
    if recipe["phase"]["bipolar"]:
        edge = np.linspace(-1, 1, grid.shape[0], dtype=np.float32) * recipe["phase"]["bipolar"]
        readout = np.broadcast_to(edge[:, None, None], grid.shape)
    noise = stream("noise")
    echoes = [
        add_noise(echo, sigma, noise)
        for echo in echo_signals(
            field,
            transverse,
            r2star,
            echo_times=acquisition["echo_times"],
            field_strength=acquisition["field_strength"],
            phase_offset=offset,
            readout_phase=readout,
            phase_sign=recipe["phase"]["sign"],
            grid=grid,
            workers=workers,
        )
    ]
    log.info("%s: %d echoes", session.participant_id, len(echoes))

    structural, motions, diffusion = {}, {}, None
    centre = space.from_template(STRUCTURAL_CENTRE[:, None])[:, 0].astype(float)
    for suffix in ("T1w", "FLAIR", *(["dwi"] if recipe["dwi"] else [])):
        motion = draw_motion(
            stream(f"{suffix} motion"),
            rotation_sd=shape_of_heads["motion_rotation_sd"],
            translation_sd=shape_of_heads["motion_translation_sd"],
            centre=centre,
        )
        motions[suffix] = motion.matrix
        if suffix == "dwi":
            diffusion = diffusion_images(stream("dwi noise"), anatomy, grid.affine, motion, centre=centre)
            continue
        contrast = mixed_map(anatomy, {k: row[suffix.lower()] for k, row in tissue.tissue_table().items()})
        structural[suffix] = structural_image(
            stream(f"{suffix} noise"),
            contrast,
            grid.affine,
            motion,
            voxel_size=acquisition["structural_voxel_size"],
            centre=centre,
        )

    labels = grid.nearest(anatomy.labels)
    brain = grid.nearest(anatomy.brain)
    chi_coarse = grid.voxel_means(chi)
    chi_coarse[brain] = grid.to_acquisition(np.where(anatomy.brain, chi, 0), workers=workers)[brain]
    local_coarse = grid.to_acquisition(local, workers=workers)
    tract_masks = {}
    for key, found in anatomy.tracts.items():
        mask = np.zeros(grid.shape, bool)
        mask[found.voxels] = True
        tract_masks[key] = grid.nearest(mask)
    return SimulatedSubject(
        affine=affine,
        echoes=echoes,
        structural=structural,
        chi=chi_coarse,
        r2star=grid.voxel_means(r2star),
        total_field=local_coarse + grid.voxel_means(field - local),
        local_field=local_coarse,
        brain=brain,
        labels=labels,
        lesion_index=grid.nearest(anatomy.lesion_index),
        tract_masks=tract_masks,
        coordinates=np.stack([grid.nearest(axis) for axis in anatomy.coordinates]),
        label_rows=label_rows(anatomy.labels, chi, labels, chi_coarse, properties, fine_voxel),
        lesion_rows=lesion_rows(recipe, session, anatomy, chi, fine_voxel),
        sigma=sigma,
        diffusion=diffusion,
        motions=motions,
    )


def acquisition_grid(space: SubjectSpace, acquisition: dict) -> tuple[FinerGrid, np.ndarray]:
    """Lay the GRE's grid over the head, and a finer one over the whole head.

    Parameters
    ----------
    space : SubjectSpace
        The subject's shape and pose; the slab is centred on the brain.
    acquisition : dict
        Part of the recipe.

    Returns
    -------
    grid : FinerGrid
        Where the physics is computed.
    affine : ndarray, shape (4, 4)
        Of the acquisition, mm.
    """
    size, shape = np.array(acquisition["voxel_size"], float), np.array(acquisition["shape"])
    affine = np.eye(4)
    affine[:3, :3] = rotation_matrix(np.deg2rad(acquisition["obliquity"])) * size
    centre = space.from_template(SLAB_CENTRE[:, None])[:, 0]
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    ends = space.from_template(np.array([[0, -17, HEAD_BOTTOM], [0, -17, HEAD_TOP]]).T)
    bottom, top = (np.linalg.inv(affine)[2, :3] @ ends + np.linalg.inv(affine)[2, 3]).tolist()
    margin = (max(int(np.ceil(-bottom)), 0), max(int(np.ceil(top - shape[2] + 1)), 0))
    grid = finer_grid(
        tuple(shape.tolist()), affine, factor=acquisition["oversampling"], margin=((0, 0), (0, 0), margin)
    )
    return grid, affine


def _phase_offset(rng: np.random.Generator, shape: tuple[int, ...], amplitude: float) -> np.ndarray:
    """Draw a smooth receive phase in rad: a random polynomial of second order around a random constant."""
    constant = np.float32(rng.uniform(-np.pi, np.pi))
    return constant + np.float32(amplitude / 0.06) * (receive_bias(rng, shape) - 1)
