"""Registration with ANTs: rigid, affine and symmetric diffeomorphic (SyN), the same bytes on every run.

Avants et al. (2008, Med Image Anal 12:26) for SyN, Mattes et al. (2003, IEEE TMI 22:120) for mutual information. Reruns
agree because voxels for the metric are taken on a regular lattice with a seed, and ANTs runs in one thread.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.anatomy.registration import fsl
from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.anatomy.registration.settings import LevelSettings, Settings
from chiomics.core.files import plain_folder
from chiomics.core.space.grids import coarsen, crop, same_grid, widen
from chiomics.core.space.transforms import Chain, Step, itk_image, read_matrix, resample
from chiomics.core.space.volume import Volume

__all__ = ["Chain", "register", "resample"]

#: Voxel in mm at which the starts of a registration are compared.
START_RESOLUTION = 6.0
#: Intensities are cut at these percentiles of what the metric sees, so that fat and vessels do not fill the histogram.
WINSOR = (0.5, 99.5)
#: The metric looks this far in mm beyond a brain's mask, where fluid and bone tell of its edge.
MASK_MARGIN = 6.0
#: Images are cropped to this distance in mm around what the metric sees.
CROP_MARGIN = 10.0
#: Convergence of ANTs: least slope of the metric over this many iterations.
SLOPE, WINDOW = {"linear": 1e-6, "nonlinear": 1e-7}, 10
SEED = 1
#: Stages of each kind; "deformable" goes on from an initial linear chain.
STAGES = {
    "rigid": ("rigid",),
    "affine": ("rigid", "affine"),
    "nonlinear": ("rigid", "affine", "nonlinear"),
    "deformable": ("nonlinear",),
}

log = logging.getLogger(__name__)


def register(
    moving: Volume,
    fixed: Volume,
    *,
    settings: Settings,
    out_dir: str | Path,
    kind: str = "rigid",
    moving_mask: Volume | None = None,
    fixed_mask: Volume | None = None,
    initial: Chain | np.ndarray | None = None,
    further: tuple[tuple[Volume, Volume, float], ...] = (),
) -> Chain:
    """Find the transform that carries an image onto another.

    Parameters
    ----------
    moving, fixed : Volume
        The images; grids and orientations may differ.
    settings : Settings
        Of `chiomics.anatomy.registration.settings`.
    out_dir : path-like
        Folder that keeps the transforms: ``chain.json`` and ITK files.
    kind : str
        ``rigid``; ``affine`` (rigid first); ``nonlinear`` (both first, then SyN); ``deformable`` (SyN only, from
        `initial`).
    moving_mask, fixed_mask : Volume, optional
        Brains, on any grid of the same world: the metric looks there and at their edge, `MASK_MARGIN` beyond. The
        images themselves are not masked: for a template without a skull give an image without one.
    initial : Chain or ndarray of shape (4, 4), optional
        Linear chain, or its matrix, to start from. By default the better, by mutual information, of the images' own
        worlds and of the two centres laid over each other.
    further : tuple of (moving, fixed, weight)
        More pairs of images of the same two worlds for SyN; the weight of the first pair is 1.

    Returns
    -------
    Chain
        From the world of `moving` to that of `fixed`.

    Raises
    ------
    RuntimeError
        Where ANTs stops with an error.
    """
    if settings.program == "fsl":
        masks = {"moving_mask": moving_mask, "fixed_mask": fixed_mask}
        return fsl.register(moving, fixed, kind=kind, out_dir=out_dir, initial=initial, **masks)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    if initial is None:
        initial = _best_start(moving, fixed, moving_mask, fixed_mask)
    matrix = initial.matrix() if isinstance(initial, Chain) else initial
    # ANTs turns about the world's origin, which table positions may put a metre away: both worlds are centred first. A
    # displacement field lives in the fixed world, which then stays.
    there = np.zeros(3) if "nonlinear" in STAGES[kind] else _middle(fixed)
    here = _middle(moving)
    fixed, fixed_mask = _moved(fixed, -there), _moved(fixed_mask, -there)
    moving, moving_mask = _moved(moving, -here), _moved(moving_mask, -here)
    further = tuple((_moved(one, -here), _moved(other, -there), weight) for one, other, weight in further)
    matrix = _shift(-there) @ matrix @ _shift(here)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".ants_") as own, plain_folder(own) as scratch:
        chain = Chain.from_matrix(matrix, scratch / "start.mat")
        linear = [stage for stage in STAGES[kind] if stage != "nonlinear"]
        for stage in linear:
            pairs = [(moving, fixed, 1.0)]
            chain = _run(stage, getattr(settings, stage), pairs, moving_mask, fixed_mask, chain, scratch)
        if "nonlinear" in STAGES[kind]:
            pairs = [(moving, fixed, 1.0), *further]
            chain = _run("nonlinear", settings.nonlinear, pairs, moving_mask, fixed_mask, chain, scratch)
        first = Chain((chain.steps[0],)).matrix()
        first = Chain.from_matrix(_shift(there) @ first @ _shift(-here), scratch / "centred_back.mat")
        return Chain((*first.steps, *chain.steps[1:])).write(out_dir)


def _middle(volume: Volume) -> np.ndarray:
    """Return the world point in the middle of a grid, mm."""
    return volume.affine[:3, :3] @ ((np.array(volume.voxels.shape[:3]) - 1) / 2) + volume.affine[:3, 3]


def _shift(by: np.ndarray) -> np.ndarray:
    """Return the matrix of a translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def _moved(volume: Volume | None, by: np.ndarray) -> Volume | None:
    """Move an image in its world."""
    return None if volume is None else Volume(volume.voxels, _shift(by) @ volume.affine)


def _run(
    stage: str,
    level: LevelSettings,
    pairs: list[tuple[Volume, Volume, float]],
    moving_mask: Volume | None,
    fixed_mask: Volume | None,
    start: Chain,
    scratch: Path,
) -> Chain:
    """Call antsRegistration for one stage and give the chain with its result."""
    from chiomics.core.space.ants_images import ants

    metrics = []
    for moving, fixed, weight in pairs:
        images = [
            itk_image(coarsen(crop(_winsorised(image, mask), mask or image, CROP_MARGIN), level.resolution))
            for image, mask in ((fixed, fixed_mask), (moving, moving_mask))
        ]
        metrics.append((images, weight))
    masks = [_widened(mask, level) for mask in (fixed_mask, moving_mask)]
    arguments = [
        "--dimensionality", "3", "--float", "1", "--random-seed", str(SEED), "--write-composite-transform", "0",
        "--collapse-output-transforms", "1", "--output", str(scratch / stage),
        "--initial-moving-transform", str(start.steps[0].file), "--transform", _transform(stage, level),
    ]  # fmt: skip
    for (fixed_image, moving_image), weight in metrics:
        arguments += ["--metric", _metric(level, fixed_image, moving_image, weight)]
    slope = SLOPE["nonlinear" if stage == "nonlinear" else "linear"]
    arguments += [
        "--convergence", f"[{_joined(level.iterations)},{slope},{WINDOW}]",
        "--shrink-factors", _joined(level.shrink_factors),
        "--smoothing-sigmas", _joined(level.smoothing) + "vox",
    ]  # fmt: skip
    if any(masks):
        names = [_pointer(mask) if mask is not None else "NA" for mask in masks]
        arguments += ["--masks", f"[{names[0]},{names[1]}]"]
    ants.registration(arguments, None)
    if stage == "nonlinear":
        warps = [next(scratch.glob(f"nonlinear[0-9]{name}.nii.gz")) for name in ("Warp", "InverseWarp")]
        return Chain((*start.steps, Step(warps[0], warps[1])))
    onto_moving = read_matrix(next(scratch.glob(f"{stage}0GenericAffine.mat")))
    return Chain.from_matrix(np.linalg.inv(onto_moving), scratch / f"{stage}.mat")


def _widened(mask: Volume | None, level: LevelSettings):
    """Make ANTs' mask of a brain mask; ANTs reads bytes."""
    if mask is None:
        return None
    near = coarsen(crop(mask, mask, CROP_MARGIN), level.resolution)
    return itk_image(widen(near.like(near.voxels > 0.5), MASK_MARGIN)).clone("unsigned char")


def _transform(stage: str, level: LevelSettings) -> str:
    if stage == "nonlinear":
        return f"SyN[{level.step},{level.update_smoothing},{level.total_smoothing}]"
    return f"{stage.capitalize()}[{level.step}]"


def _metric(level: LevelSettings, fixed, moving, weight: float) -> str:
    sampling = f"Regular,{level.sampling}" if level.sampling < 1 else "None"
    return f"{level.metric}[{_pointer(fixed)},{_pointer(moving)},{weight},{level.bins},{sampling}]"


def _pointer(image) -> str:
    from ants.internal import get_pointer_string

    return get_pointer_string(image)


def _joined(values: tuple[float, ...]) -> str:
    return "x".join(f"{value:g}" for value in values)


def _winsorised(volume: Volume, mask: Volume | None) -> Volume:
    """Cut the extremes of what the metric sees."""
    seen = volume.voxels
    seen = seen[mask.voxels > 0 if mask is not None and same_grid(mask, volume) else seen > 0]
    if not seen.size:
        return volume
    low, high = np.percentile(seen[:: max(seen.size // 200_000, 1)], WINSOR)
    # Zero stays zero: it is the outside of an extracted brain.
    return volume.like(np.clip(volume.voxels, min(low, 0), high).astype(np.float32))


def _best_start(moving: Volume, fixed: Volume, moving_mask: Volume | None, fixed_mask: Volume | None) -> np.ndarray:
    """Choose between the images' own worlds and their centres laid over each other.

    Their own worlds serve unless the centres are better twice: over the whole head, and where both images hold values.
    A slab that lies in its place must not lose to one moved to the head's middle, where it fills more of it. Of few
    points any two images share information, which a shuffled copy tells.
    """
    small = [coarsen(image, START_RESOLUTION) for image in (moving, fixed)]
    centred = np.eye(4)
    centred[:3, 3] = _centre(fixed, fixed_mask) - _centre(moving, moving_mask)
    seen = coarsen(fixed_mask, START_RESOLUTION) if fixed_mask is not None else small[1]
    index = np.argwhere(seen.voxels > (0.5 if fixed_mask is not None else _foreground(small[1]))).T
    points = seen.affine[:3, :3] @ index + seen.affine[:3, 3:]
    here = _sample(small[1], points)
    starts = {"own worlds": np.eye(4), "centres": centred}
    scores = {}
    for name, start in starts.items():
        back = np.linalg.inv(start)
        there = back[:3, :3] @ points + back[:3, 3:]
        other, held = _sample(small[0], there), _held(small[0], there)
        within = 0.0
        if held.any():
            shuffled = np.random.default_rng(SEED).permutation(other[held])
            within = normalised_mutual_information(here[held], other[held])
            within -= normalised_mutual_information(here[held], shuffled)
        scores[name] = (normalised_mutual_information(here, other), within)
    centres_win = all(theirs > own for theirs, own in zip(scores["centres"], scores["own worlds"], strict=True))
    best = "centres" if centres_win else "own worlds"
    log.info("start from the %s: mutual information, and in view beyond chance %s", best, scores)
    return starts[best]


def _centre(volume: Volume, mask: Volume | None) -> np.ndarray:
    """Return the centre in mm of the mask, or of what is brighter than the air."""
    if mask is None:
        inside, affine = volume.voxels > _foreground(volume), volume.affine
    else:
        inside, affine = mask.voxels > 0, mask.affine
    return affine[:3, :3] @ np.array(ndimage.center_of_mass(inside)) + affine[:3, 3]


def _foreground(volume: Volume) -> float:
    """Return a threshold above the air: a quarter of the 98th percentile."""
    return 0.25 * float(np.percentile(volume.voxels[::2, ::2, ::2], 98))


def _held(volume: Volume, points: np.ndarray) -> np.ndarray:
    """Tell which points lie in an image's field of view."""
    to_voxels = np.linalg.inv(volume.affine)
    index = to_voxels[:3, :3] @ points + to_voxels[:3, 3:]
    return ((index > -0.5) & (index < np.array(volume.voxels.shape)[:, None] - 0.5)).all(axis=0)


def _sample(volume: Volume, points: np.ndarray) -> np.ndarray:
    to_voxels = np.linalg.inv(volume.affine)
    index = to_voxels[:3, :3] @ points + to_voxels[:3, 3:]
    return ndimage.map_coordinates(volume.voxels.astype(np.float32), index, order=1)
