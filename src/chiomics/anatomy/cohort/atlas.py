"""The cohort's atlas: mean and variance of χ over controls in template space, voxel by voxel and per tract.

Fiscone et al. (2023, Fig 5) registered 30 controls' χ maps nonlinearly to MNI152 and took the variance over subjects in
each voxel. Maps come one after the other and never lie in memory together (Welford 1962, Technometrics 4:419). They
keep the reference that they were made with, or are referred to the session's other one where the features are: a zero
of χ that differs between subjects counts as variance. A voxel that too few subjects have seen is left out.

The template is that of the registration: the mean is not registered to again, so that its detail is bounded by how
well T1w images, or χ in sessions without one, align the deep structures.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: A voxel is seen by a subject where this share of what the interpolation mixes is valid.
VALID_SHARE = 0.99
#: A voxel belongs to a tract from this share of subjects, or of the atlas' probability, on.
TRACT_SHARE = 0.5
SIDES = ("L", "R")
#: Columns of the table of tracts; variances in ppm², susceptibility in ppm.
TRACT_COLUMNS = (
    "tract", "hemisphere", "n_voxels", "n_seen", "chi_mean", "variance_mean", "variance_median", "variance_p95",
    "variance_max",
)  # fmt: skip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SessionMap:
    """Where one session's map is, and how it gets to the template.

    Parameters
    ----------
    name : str
        Of the session.
    chi : Path
        Susceptibility in ppm.
    valid_mask : Path or None
        Where it is valid; without one, where it is not exactly 0.
    chain : Path
        Folder of the chain from the map's space to the template.
    offset : float
        Susceptibility in ppm that becomes 0: of another reference region than that of the map.
    """

    name: str
    chi: Path
    valid_mask: Path | None
    chain: Path
    offset: float = 0.0


@dataclass(frozen=True)
class CohortAtlas:
    """Mean and variance over subjects.

    Attributes
    ----------
    mean, variance : Volume
        In ppm and ppm² (divided by subjects minus 1); 0 where too few subjects have seen the voxel.
    count : Volume
        Number of subjects that have seen each voxel.
    seen : Volume
        Boolean: where mean and variance hold.
    """

    mean: Volume
    variance: Volume
    count: Volume
    seen: Volume


def maps_on_template(sessions: Iterable[SessionMap], onto: Volume) -> Iterator[tuple[Volume, Volume]]:
    """Carry the maps of a cohort to the template, one at a time.

    Parameters
    ----------
    sessions : iterable of SessionMap
        The controls.
    onto : Volume
        Grid in template space.

    Yields
    ------
    chi : Volume
        In ppm, the session's offset subtracted.
    seen : Volume
        Boolean, where the map is valid.
    """
    for session in sessions:
        chain = Chain.read(session.chain)
        chi = Volume.read(session.chi)
        valid = chi.like(chi.voxels != 0) if session.valid_mask is None else Volume.read(session.valid_mask)
        check_same_grid(chi, valid, file=session.valid_mask, what="map and mask")
        inside = (valid.voxels > 0).astype(np.float32)
        moved = resample(chi.like((chi.voxels - np.float32(session.offset)) * inside), onto, chain)
        seen = resample(valid.like(inside), onto, chain)
        log.info("cohort atlas: %s", session.name)
        yield moved, onto.like(seen.voxels >= VALID_SHARE)


def build_atlas(maps: Iterable[tuple[Volume, Volume]], *, min_share: float = 0.8) -> CohortAtlas:
    """Average the maps of a cohort.

    Parameters
    ----------
    maps : iterable of (Volume, Volume)
        χ in ppm and where it is valid, all on one grid; read once.
    min_share : float
        Share of the subjects that must have seen a voxel, 0 to 1.

    Returns
    -------
    CohortAtlas
        Of all subjects.

    Raises
    ------
    InputError
        For fewer than two subjects, or maps on different grids.
    """
    grid, mean, squares, count, subjects = None, None, None, None, 0
    for chi, valid in maps:
        if grid is None:
            grid = chi.like(np.broadcast_to(np.float32(0), chi.voxels.shape))
            mean, squares = (np.zeros(chi.voxels.shape) for _ in range(2))
            count = np.zeros(chi.voxels.shape, np.int32)
        check_same_grid(grid, chi, valid)
        seen = valid.voxels > 0
        count[seen] += 1
        change = chi.voxels[seen] - mean[seen]
        mean[seen] += change / count[seen]
        squares[seen] += change * (chi.voxels[seen] - mean[seen])
        subjects += 1
    if subjects < 2:
        raise InputError("a variance over subjects needs two of them", found=str(subjects))
    enough = count >= max(2, np.ceil(min_share * subjects - 1e-9))
    variance = np.where(enough, squares / np.maximum(count - 1, 1), 0)
    return CohortAtlas(
        grid.like(np.where(enough, mean, 0).astype(np.float32)),
        grid.like(variance.astype(np.float32)),
        grid.like(count),
        grid.like(enough),
    )


def summarise_tracts(atlas: CohortAtlas, tracts: Mapping[tuple[str, str], Volume]) -> pd.DataFrame:
    """Summarise the variance over subjects in each tract.

    Parameters
    ----------
    atlas : CohortAtlas
        From `build_atlas`.
    tracts : mapping of (str, str) to Volume
        By tract and hemisphere (``L``, ``R``): masks, or fractions from 0 to 1 of which half makes a voxel part of it.

    Returns
    -------
    pandas.DataFrame
        `TRACT_COLUMNS`, each tract left, right and merged (``LR``); missing where no voxel was seen.
    """
    check_same_grid(atlas.mean, *tracts.values())
    rows = []
    for tract in dict.fromkeys(name for name, _ in tracts):
        sides = {side: tracts[tract, side].voxels >= TRACT_SHARE for side in SIDES if (tract, side) in tracts}
        for hemisphere, mask in (*sides.items(), ("LR", np.logical_or.reduce(list(sides.values())))):
            inside = mask & atlas.seen.voxels
            variance = atlas.variance.voxels[inside].astype(float)
            figures = [float("nan")] * 5
            if variance.size:
                chi = atlas.mean.voxels[inside].mean(dtype=float)
                figures = [chi, variance.mean(), *np.percentile(variance, (50, 95)), variance.max()]
            rows.append((tract, hemisphere, int(mask.sum()), int(inside.sum()), *figures))
    return pd.DataFrame(rows, columns=list(TRACT_COLUMNS))
