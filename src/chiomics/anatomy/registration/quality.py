"""Notice a registration that failed, without knowing the truth.

Three numbers, all inside the fixed image's brain, on coarse voxels: the overlap (Dice) of the two brains; their
normalised mutual information; and its sharpness, the share of it that the best of twelve small displacements (4 mm
along and 5 degrees about each axis, both ways) loses. The first tells what is far off, the last what is a little off or
another head: there a displaced copy fits as well. Sharpness needs no threshold per contrast, since it is a ratio.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.core.space.grids import coarsen, crop
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Voxel in mm of the comparison, and displacements that are tried, in mm and degrees.
RESOLUTION, SHIFT, TURN = 3.0, 4.0, 5.0


#: Minimum values of a registration that counts, within one head and between a head and the template.
#:
#: Learnt on four simulated subjects of the demonstration cohort (GRE and FLAIR on T1w, T1w on template), preset `fast`.
#: Good: overlap 0.981 to 1.000, information 1.132 to 1.246, sharpness 0.536 to 0.614 (a GRE straight on the template
#: 0.43). Broken, by 3 to 10 mm or by 5 to 180 degrees: overlap up to 0.971, information up to 1.119, sharpness
#: below 0. Another subject's T1w, registered as well as it goes: overlap 0.916 to 0.960, information 1.037 to 1.069,
#: sharpness 0.048 to 0.256. So sharpness tells them apart, and the other two guard against what is far off. Real pairs
#: that look right have less: 0.40 (FLAIR on T1w of a patient, 1 mm), 0.41 (3 mm GRE on T1w), 0.31 (T1w on template).
SAME_HEAD = {"overlap": 0.9, "mutual_information": 1.03, "sharpness": 0.3}
TO_TEMPLATE = {"overlap": 0.9, "mutual_information": 1.03, "sharpness": 0.15}
#: Sharpness falls with the voxel, as 4 mm are then less of one, and with the share of the head that both images hold.
#: On three simulated subjects a good GRE on T1w had 0.38 to 0.49 with the whole head, 0.26 to 0.42 with half, 0.24 to
#: 0.36 with a third and 0.22 to 0.33 with a fifth of it, 1.75 to 4 mm alike, and 0.15 to 0.42 with 5 mm; broken ones
#: 0.08 at most; a real slab of 112 mm with 3.4 mm voxels that sits by eye had 0.22. So the limit falls with the square
#: of a voxel above 2.5 mm, and by this share for the coverage.
COARSE, COVERAGE_SHARE = 2.5, 0.4


@dataclass(frozen=True)
class RegistrationQuality:
    """How well two images lie on each other.

    Parameters
    ----------
    overlap : float
        Dice coefficient of the two brains, over what both images hold.
    mutual_information : float
        Normalised, 1 to 2, inside the fixed brain.
    sharpness : float
        Share of the mutual information (above 1) that the best displaced copy loses; negative where a displaced copy
        fits better.
    determinant : float
        Of the linear part, moving to fixed; negative for a mirror image.
    thresholds : dict of str to float
        What is asked of the first three, at this voxel size and coverage.
    voxel_size : float
        Coarser voxel size of both images, mm.
    coverage : float
        Share of one brain that the other image holds, the smaller of the two.
    """

    overlap: float
    mutual_information: float
    sharpness: float
    determinant: float
    thresholds: dict[str, float]
    voxel_size: float = float("nan")
    coverage: float = 1.0

    @property
    def figures(self) -> str:
        """Every figure beside its limit."""
        values = [f"{name.replace('_', ' ')} {getattr(self, name):.3f} (at least {limit:.3g})"
                  for name, limit in self.thresholds.items()]  # fmt: skip
        return ", ".join([*values, f"voxels up to {self.voxel_size:.1f} mm, {100 * self.coverage:.0f} % of the brain"])

    @property
    def reason(self) -> str:
        """What is wrong, empty for a good registration."""
        found = []
        for name, least in self.thresholds.items():
            if not (value := getattr(self, name)) >= least:
                found.append(f"{name.replace('_', ' ')} {value:.3f} below {least:.3g}")
        if self.determinant <= 0:
            found.append("left and right are swapped")
        return "; ".join([*found, f"all figures: {self.figures}"] if found else [])

    @property
    def failed(self) -> bool:
        """Whether the registration is not to be used."""
        return bool(self.reason)


def assess(
    moving: Volume,
    fixed: Volume,
    chain: Chain,
    masks: tuple[Volume, Volume],
    *,
    thresholds: dict[str, float] | None = None,
) -> RegistrationQuality:
    """Measure a registration.

    Parameters
    ----------
    moving, fixed : Volume
        The images.
    chain : Chain
        From the moving to the fixed world.
    masks : (Volume, Volume)
        Brain of the moving and of the fixed image, on any grid of their worlds.
    thresholds : dict, optional
        Minimum ``overlap``, ``mutual_information`` and ``sharpness`` that are asked as given. By default those of
        `SAME_HEAD` for a linear chain and of `TO_TEMPLATE` for one with a displacement field, that of the sharpness for
        the images' voxels and coverage.

    Returns
    -------
    RegistrationQuality
        The numbers, ``failed`` and ``reason``.
    """
    grid = coarsen(crop(fixed, masks[1], 2 * RESOLUTION + SHIFT), RESOLUTION)
    here = _share(masks[1], grid, Chain()) > 0.5
    there = _share(masks[0], grid, chain) > 0.5
    held = _share(moving.like(np.ones(moving.voxels.shape, np.float32)), grid, chain) > 0.5
    carried = resample(coarsen(moving, RESOLUTION), grid, chain).voxels
    together = max((here & held).sum() + there.sum(), 1)
    compared = here & held
    found = normalised_mutual_information(grid.voxels[compared], carried[compared])
    displaced = max(
        normalised_mutual_information(grid.voxels[compared], copy[compared]) for copy in _displaced(carried, grid)
    )
    voxel = float(max(moving.voxel_size.max(), fixed.voxel_size.max()))
    whole = _share(masks[0], masks[0], Chain()) > 0.5
    unseen = ~(_share(fixed.like(np.ones(fixed.voxels.shape, np.float32)), masks[0], chain.inverse()) > 0.5)
    coverage = min(compared.sum() / max(here.sum(), 1), 1 - (whole & unseen).sum() / max(whole.sum(), 1))
    limits = dict(SAME_HEAD if chain.is_linear else TO_TEMPLATE)
    limits["sharpness"] *= min(1.0, (COARSE / voxel) ** 2) * (1 - COVERAGE_SHARE * (1 - coverage))
    linear = np.prod([np.linalg.det(Chain((step,)).matrix()) for step in chain.steps if step.is_matrix])
    return RegistrationQuality(
        overlap=float(2 * (here & there).sum() / together),
        mutual_information=found,
        sharpness=(found - displaced) / max(found - 1, 1e-6),
        determinant=float(linear),
        thresholds=limits | (thresholds or {}),
        voxel_size=voxel,
        coverage=float(coverage),
    )


def _share(mask: Volume, grid: Volume, chain: Chain) -> np.ndarray:
    return resample(mask.like((mask.voxels > 0).astype(np.float32)), grid, chain).voxels


def _displaced(voxels: np.ndarray, grid: Volume) -> list[np.ndarray]:
    """Shift and turn an image about the middle of its grid, along and about its voxel axes."""
    centre = (np.array(voxels.shape) - 1) / 2
    copies = []
    for axis, sign in itertools.product(range(3), (-1, 1)):
        step = np.zeros(3)
        step[axis] = sign * SHIFT / grid.voxel_size[axis]
        copies.append(ndimage.shift(voxels, step, order=1, mode="nearest"))
        first, second = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        angle = sign * np.deg2rad(TURN)
        turn[[first, first, second, second], [first, second, first, second]] = (
            np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        )  # fmt: skip
        turn = np.diag(1 / grid.voxel_size) @ turn @ np.diag(grid.voxel_size)
        copies.append(ndimage.affine_transform(voxels, turn, centre - turn @ centre, order=1, mode="nearest"))
    return copies
