"""Brain of a T1w image: a mask of the user's own, the image's own where its skull is off, a network, or the template.

Without the network (`chiomics.anatomy.registration.network`) the template finds the brain and its intensities bound it:

1. Pose by mutual information (`chiomics.anatomy.registration.pose`).
2. Affine registration with ANTs, the metric limited to the template's brain and a shell around it; dropped where it
   fits less than the pose.
3. Edge by intensity (`chiomics.anatomy.registration.brain_edge`).

Whatever found it, a brain that cannot be one is refused (`chiomics.core.priors.plausible_brain`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chiomics.anatomy.registration import fsl, network
from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.brain_edge import find_edge
from chiomics.anatomy.registration.head_box import cut_to_head
from chiomics.anatomy.registration.pose import PoseFit, find_pose
from chiomics.anatomy.registration.settings import Settings
from chiomics.anatomy.registration.stripped import own_brain
from chiomics.core.priors.plausible_brain import BrainCheck, check_brain
from chiomics.core.space.template import template_brain, template_mask
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Resolution in mm of the template for the affine registration.
RESOLUTION = 2.0
#: Ranges of head sizes, relative to the template, that are tried: scalp on the template's edge is a head too large.
SIZES = ((0.8, 1.25), (0.8, 1.05))
#: The affine registration counts where it keeps this share of the pose's fit.
MIN_SHARE = 0.9
#: Information, weighted by coverage, of a pose that can be trusted: simulated heads and a real one that came out right
#: have 0.10 and more, a real head whose scalp was taken for the brain's edge had 0.05 to 0.06.
MIN_FIT = 0.07

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BrainExtraction:
    """What was found.

    Parameters
    ----------
    mask : Volume
        Booleans on the image's grid: brain with its ventricles and the fluid of the sulci.
    method : str
        ``given``, ``extracted before``, ``deepbet``, ``template and edge`` or ``BET of FSL``.
    to_template : Chain or None
        Affine from the image to the template, None where the method needs none.
    check : BrainCheck
        Whether it can be a brain, and why not.
    """

    mask: Volume
    method: str
    to_template: Chain | None = None
    check: BrainCheck = field(default_factory=BrainCheck)


def extract_brain(
    image: Volume, *, settings: Settings, out_dir: str | Path, given: Volume | None = None
) -> BrainExtraction:
    """Find the brain.

    Parameters
    ----------
    image : Volume
        T1w, bias field corrected, with or without its skull; for the template's way a FLAIR as well.
    settings : Settings
        The affine registration, and how the brain is found.
    out_dir : path-like
        Keeps the affine registration to the template, where there is one.
    given : Volume, optional
        A mask of the user's own on the same world: it wins, on the nearest voxels.

    Returns
    -------
    BrainExtraction
        The mask, how it was found and whether it is plausible: `check.reason` says what is wrong with it.
    """
    if given is not None:
        mask = resample(given.like((given.voxels > 0).astype(np.float32)), image, Chain(), interpolation="nearest")
        return _checked(image, mask.like(mask.voxels > 0), "given", None, settings)
    if (own := own_brain(image)) is not None:
        return _checked(image, own, "extracted before", None, settings)
    method = chosen_method(settings.extraction.method)
    if method == "bet":
        return _checked(image, fsl.extract_brain(image, out_dir=out_dir), "BET of FSL", None, settings)
    if method == "deepbet":
        return _checked(image, _by_network(image), "deepbet", None, settings)
    return _by_template(image, settings, Path(out_dir))


def _by_network(image: Volume) -> Volume:
    """Ask the network, without neck and shoulders where the image holds much of them."""
    head = cut_to_head(image)
    if head is not image:
        log.info("brain extraction: the network sees the head's %s of %s voxels", head.shape, image.shape)
    mask = network.extract_by_network(head)
    whole = resample(mask.like(mask.voxels.astype(np.float32)), image, Chain(), interpolation="nearest")
    return image.like(whole.voxels > 0.5)


def _by_template(image: Volume, settings: Settings, out_dir: Path) -> BrainExtraction:
    """Try head sizes until one gives a brain that can be one; the first where none does."""
    first = None
    for sizes in SIZES:
        template, brain = template_brain(RESOLUTION), template_mask(RESOLUTION)
        pose = find_pose(image, sizes=sizes)
        chain = register(
            image, template, settings=settings, out_dir=out_dir, kind="affine", fixed_mask=brain, initial=pose
        )
        fit = PoseFit(image)
        by_pose, by_affine = fit(np.linalg.inv(pose)), fit(np.linalg.inv(chain.matrix()))
        size = np.cbrt(1 / abs(np.linalg.det(chain.matrix()[:3, :3])))
        if by_affine < MIN_SHARE * by_pose or not sizes[0] <= size <= sizes[1]:
            figures = by_affine, size, by_pose
            log.warning("brain extraction: the affine (fit %.3f, size %.2f) is dropped for the pose (%.3f)", *figures)
            chain = Chain.from_matrix(pose, out_dir / "0_matrix.mat").write(out_dir)
        expected = resample(brain.like(brain.voxels.astype(np.float32)), image, chain.inverse())
        edge = find_edge(image, expected, settings=settings.extraction)
        found = _checked(image, edge, "template and edge", chain, settings)
        if (best := max(by_pose, by_affine)) < MIN_FIT:
            unsure = f"the template fits the head with an information of {best:.3f}, {MIN_FIT} are needed"
            found = replace(found, check=replace(found.check, reasons=(*found.check.reasons, unsure)))
        if not found.check.reasons:
            return found
        first = first or found
    return first


def chosen_method(method: str) -> str:
    """Return the method that ``auto`` means: the network where it is in the environment."""
    if method != "auto":
        return method
    return "deepbet" if network.is_available() else "template"


def _checked(
    image: Volume, mask: Volume, method: str, to_template: Chain | None, settings: Settings
) -> BrainExtraction:
    """Add what makes a mask implausible."""
    bright_fat = method != "extracted before"
    check = check_brain(mask, image, volumes=settings.extraction.volumes, bright_fat=bright_fat)
    log.info("brain extraction, %s: %.2f l%s", method, check.litres, f"; {check.reason}" if check.reason else "")
    return BrainExtraction(mask, method, to_template, check)
