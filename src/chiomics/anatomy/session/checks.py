"""Checks of a session's steps: stop with a picture where one failed, or go on with a mark where it is accepted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chiomics.anatomy.registration.ants import Chain, resample
from chiomics.anatomy.registration.brain_extraction import BrainExtraction
from chiomics.anatomy.registration.quality import RegistrationQuality, assess
from chiomics.core.errors import InputError
from chiomics.core.space.failure_figure import draw_failure
from chiomics.core.space.grids import coarsen
from chiomics.core.space.volume import Volume

#: Name of the step as the operator's table of accepted steps has it, and what stands for every step.
BRAIN_EXTRACTION, EVERY = "brain extraction", "all"
#: Voxel in mm of the pictures.
PICTURE_RESOLUTION = 2.0
#: What the operator can do, beside a better image.
WAYS_OUT = "look at {picture}; where it sits, accept it in qc_accept.tsv (session, step)"

log = logging.getLogger(__name__)


class Checks:
    """What is asked of each step.

    Parameters
    ----------
    limits : mapping
        Minimum values of `chiomics.anatomy.registration.quality.assess` that replace its own.
    accepted : sequence of str
        Steps that may fail, or ``all``.
    picture : path-like, optional
        PNG of a step that stops the session.
    simulated : bool
        Whether the picture is marked as of a simulated subject.
    """

    def __init__(
        self,
        limits: Mapping[str, float] | None = None,
        accepted: Sequence[str] = (),
        picture: str | Path | None = None,
        *,
        simulated: bool = False,
    ) -> None:
        self.limits, self.picture, self.simulated = dict(limits or {}), picture, simulated
        self.accepted = {step.casefold() for step in accepted}
        self.accepted_failures: list[dict[str, str]] = []

    def brain_extraction(self, image: Volume, found: BrainExtraction) -> None:
        """Stop at a brain that cannot be one."""
        if not found.check.reasons:
            return
        small = coarsen(image, PICTURE_RESOLUTION)
        mask = small.like(resample(_share(found.mask), small, Chain()).voxels > 0.5)
        self._stop_at(
            BRAIN_EXTRACTION, f"{found.method}: {found.check.reason}", {"T1w": small}, {"found": mask},
            "a mask of yours (derivatives/NAME/.../..._desc-brain_mask.nii.gz) or another anatomy.brain_extraction",
        )  # fmt: skip

    def registration(
        self,
        step: str,
        moving: Volume,
        fixed: Volume,
        chain: Chain,
        masks: tuple[Volume, Volume],
        *,
        other: str = "",
    ) -> RegistrationQuality:
        """Measure a registration and stop where it failed, with an `other` way out; else parameters as of `assess`."""
        quality = assess(moving, fixed, chain, masks, thresholds=self.limits)
        log.info("registration %s: %s", step, quality.figures)
        if quality.failed:
            small = coarsen(fixed, PICTURE_RESOLUTION)
            carried = resample(coarsen(moving, PICTURE_RESOLUTION), small, chain)
            outlines = {
                "brain of the fixed image": resample(_share(masks[1]), small, Chain()),
                "brain of the moving image": resample(_share(masks[0]), small, chain),
            }
            outlines = {name: mask.like(mask.voxels > 0.5) for name, mask in outlines.items()}
            self._stop_at(step, quality.reason, {"fixed": small, "moving, carried": carried}, outlines, other)
        return quality

    def _stop_at(
        self, step: str, reason: str, images: Mapping[str, Volume], outlines: Mapping[str, Volume], other: str = ""
    ) -> None:
        """Raise, with a picture, or note that the operator accepts it."""
        if self.accepted & {step.casefold(), EVERY}:
            log.warning("%s: %s; accepted by the operator", step, reason)
            self.accepted_failures.append({"Step": step, "Reason": reason})
            return
        ways = "accept it in qc_accept.tsv (session, step)"
        if self.picture is not None:
            draw_failure(self.picture, images, outlines, title=f"{step} failed: {reason}", simulated=self.simulated)
            ways = WAYS_OUT.format(picture=self.picture)
        what = step if step == BRAIN_EXTRACTION else f"the registration {step}"
        raise InputError(f"{what} failed", found=reason, expected="; or ".join(filter(None, (ways, other))))


def _share(mask: Volume) -> Volume:
    return mask.like((mask.voxels > 0).astype(np.float32))
