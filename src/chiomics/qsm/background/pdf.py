"""Background removal by projection onto dipole fields (PDF) with the preconditioning of total field inversion (TFI).

Projection onto dipole fields (PDF; Liu et al. 2011, NMR Biomed 24:1129) explains the total field by sources outside the
mask and takes what is left for the local field. It has two weak points: near the edge, outside sources also explain
local field, and strong local sources pull on the fit. Both come from treating the local field as noise. Here sources
inside are fitted along with those outside, on a scale that is smaller by a fixed factor, which is the preconditioned
total field inversion of Liu et al. 2017 (Magn Reson Med 78:303):

    minimise ‖W·(f - D*(P·y))‖²  over y by conjugate gradients,   P = 1 outside, `tissue_scale` inside

The few iterations regularise. Between the mask's surface and air or bone lie fluid and membranes, so P rises from its
value inside to 1 over `rise` mm. The smooth sources that this finds inside explain a part of the local field only; the
rest leaks into those outside. So the local field is explained anew by a total variation inversion, which knows that
tissue is piecewise uniform, and what that leaves is projected again onto the outside, `refinements` times. That
inversion has sources outside too, for what the background has left; a share of them counts as background.

Where voxels are fine, all of this runs on blocks of up to 1.5 mm first, where it costs little, since what outside
sources do inside is smooth but near them. The sources found there, interpolated, are where the fine grid starts; a few
iterations find what lies near the surface.

The background is the field of the outside part only, so the local field keeps every detail of the measurement. No
voxel is lost at the edge. Voxels whose echoes disagree (dephasing, wraps) have next to no weight, and their local field
is filled with that of the inside sources.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from chiomics.qsm.arrays import as_mask, in_mask
from chiomics.qsm.background.coarse import block_factors, block_grid, block_means, interpolate
from chiomics.qsm.background.descent import descent
from chiomics.qsm.background.smooth_offset import SmoothOffset
from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Array, Grid
from chiomics.qsm.inversions.tv import Splits, total_variation
from chiomics.qsm.masks.near_distance import near_distance
from chiomics.qsm.phase.field_noise import field_noise, scaled_regularisation

#: Scale of tissue sources relative to air and bone (Liu 2017; 0.028 to 0.04 do equally well on simulated heads).
TISSUE_SCALE = 1 / 30
#: Room for sources around the mask in mm.
PADDING = 24.0
ITERATIONS = 60
#: Largest edge in mm of a block of the coarse grid. On a simulated slab of 0.75 x 0.75 x 1.5 mm the error of the local
#: field is 52.5 % from blocks of 1.5 mm, 54.5 % from blocks of 3 mm, and 51.8 % without; χ 47.5, 48.1, 47.5 %.
COARSE_VOXEL = 1.5
#: Iterations on the fine grid after it, for the first field and for the differences. 5 leave 53.4 % in the first. What
#: two sets differ by is smooth: on another such slab three sets of fewer echoes have 65.9, 67.2 and 67.8 % with 0, and
#: 66.0, 67.2 and 67.8 % with 3.
FINE_ITERATIONS, FURTHER_FINE_ITERATIONS = 10, 0
#: Iterations for what another echo set's total field differs by.
FURTHER_ITERATIONS = 8
#: mm over which the scale rises outside: without refinements, 0 and 3 mm leave an error of the local field of 40.4 and
#: 38.8, 41.8 and 40.9, 41.1 and 38.8, 37.5 and 36.8 % on four simulated heads; 2 to 4 mm do equally well.
RISE = 3.0
#: Error of the local field after 4, 6 and 8 refinements: 28.2, 29.6 and 29.3 %; 26.9, 28.2, 26.6 %; 35.0, 34.0, 34.4 %;
#: 59.7, 60.4, 60.0 %; 70.3, 69.4, 69.4 % on five simulated heads.
REFINEMENTS = 4
#: Norm of each polynomial of a smooth offset of degrees 0 and 1; 0.2 to 1 do equally well.
OFFSET_SCALE = 0.3
#: Factor of the norm for each further degree: coils' offsets vary slowly. On a simulated head of 2.5 mm with one echo
#: 1 and 0.3 leave an error of the local field of 51 and 47 % where there is no offset or one of second degree, and 52
#: and 49, 51 and 49, 51 and 48 % with the offsets of three arrays of coils, which are no polynomials.
OFFSET_DECAY = 0.3
#: One refinement: total variation, with λ relative to that of a χ map, then conjugate gradients.
REFINEMENT = {"regularisation": 2e-4, "gradient_penalty": 100.0}
#: Share of what total variation explains by sources outside that goes with the background. With 0 (and `outside` 0.1) a
#: smooth field that these and the surface of the tissue share grows from one refinement to the next: 3 left 29.0, 28.7,
#: 35.8, 60.6 and 71.8 % on the five heads, and more were worse. 0.7 leaves 28.7, 26.9, 35.2, 59.7, 70.6 % after 4.
#: Then `outside` of total variation, and the iterations of conjugate gradients.
OUTER_SHARE, OUTSIDE, REFINEMENT_ITERATIONS = 0.5, 0.03, 8
#: The same where a smooth offset is fitted along, which takes what these share: on a head of 2.5 mm with one echo and
#: no offset, one of second degree or those of three arrays of coils, 12 refinements leave 41.9 % on average, 8 with the
#: values above 44.5 %.
BESIDE_OFFSET = 0.0, 0.1, 10
#: Iterations of total variation in the first refinement and, from where the last one ended, in the others. On the five
#: heads these do as well as 20 from nothing in each without over-relaxation, which takes 1.6 times as long.
TISSUE_ITERATIONS = 12, 5

log = logging.getLogger(__name__)


def remove_background_pdf(
    total_fields: np.ndarray,
    mask: np.ndarray,
    weight: np.ndarray,
    unreliable: np.ndarray | None = None,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    tissue_scale: float = TISSUE_SCALE,
    rise: float = RISE,
    iterations: int = ITERATIONS,
    refinements: int = REFINEMENTS,
    offset_degree: int = 0,
    further_iterations: int = FURTHER_ITERATIONS,
    padding: float = PADDING,
    coarse_voxel: float = COARSE_VOXEL,
    fine_iterations: int = FINE_ITERATIONS,
    further_fine_iterations: int = FURTHER_FINE_ITERATIONS,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Remove the background field.

    Parameters
    ----------
    total_fields : ndarray, shape (s, x, y, z)
        Total fields in ppm. The first is fitted in full; of the others, the difference to the first is.
    mask : ndarray of bool, shape (x, y, z)
        Voxels where the field is known.
    weight : ndarray, shape (x, y, z)
        Weight of the data with mean 1 in the mask.
    unreliable : ndarray of bool, shape (x, y, z), optional
        Voxels whose local field is replaced by that of the fitted inside sources.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    tissue_scale : float
        Scale of the sources inside.
    rise : float
        Distance from the mask in mm over which the scale rises to 1 outside. With 0, and 0 for `tissue_scale` and
        `refinements`, this is PDF.
    iterations, further_iterations : int
        Iterations for the first field and for the differences.
    refinements : int
        How often the tissue of the first field is modelled by total variation.
    offset_degree : int
        Degree of a polynomial that is fitted along with the sources and removed with the background: the phase offset
        of one echo. 0 for none. With it there is no coarse grid.
    padding : float
        Room for sources around the mask in mm.
    coarse_voxel : float
        Largest edge in mm of the blocks of the coarse grid; with 0, or where no two voxels make a block, there is none.
    fine_iterations, further_fine_iterations : int
        Iterations on the fine grid after the coarse one, for the first field and for the differences.
    workers : int
        Threads of the transform.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    ndarray, float32, shape (s, x, y, z)
        Local fields in ppm, zero outside the mask.

    Raises
    ------
    InputError
        For shapes that differ, an empty mask, and fields or weights that are not finite in it.

    References
    ----------
    Liu et al. 2011, NMR Biomed 24:1129; Liu et al. 2017, Magn Reson Med 78:303.
    """
    mask = as_mask(mask)
    factors = block_factors(voxel_size, 0 if offset_degree else coarse_voxel)
    grid = Grid(mask, voxel_size=voxel_size, padding=padding, backend=backend, workers=workers, multiple=factors)
    total_fields = in_mask(total_fields, grid.image_mask, "total field")
    fine = _Problem(
        grid,
        dipole_kernel(grid, b0_direction),
        inside=grid.mask,
        weight=grid.embed(weight) * grid.mask,
        scale=grid.backend.asarray(_source_scale(grid, tissue_scale, rise)),
        fill=grid.mask * 0 if unreliable is None else grid.embed(as_mask(unreliable)) * grid.mask,
    )
    if offset_degree:
        fine.offset = SmoothOffset(grid, fine.weight, degree=offset_degree, scale=OFFSET_SCALE, decay=OFFSET_DECAY)
    coarse = None
    if max(factors) > 1:
        blocks = block_grid(grid, factors, padding)
        coarse = fine.on_blocks(blocks, dipole_kernel(blocks, b0_direction), factors)
    local_fields = np.zeros(total_fields.shape, np.float32)
    for index, field in enumerate(total_fields):
        total = grid.embed(field if index == 0 else field - total_fields[0]) * grid.mask
        if index and not total.any():
            local_fields[index] = local_fields[0]
            continue
        effort = (further_iterations, 0) if index else (iterations, refinements)
        if coarse is None:
            rest = fine.fit(total, *effort)[0]
        else:
            _, sources, chi = coarse.fit(fine.block_field(total, factors), *effort)
            # What is smooth is not the sources but what the scale multiplies.
            sources /= coarse.scale + (coarse.scale == 0)
            rest = total - fine.outer_field(fine.scale * interpolate(sources, factors, grid))
            tissue = fine.field(interpolate(chi, factors, grid) * grid.mask)
            del total, sources, chi  # before the iterations take their memory
            rest = fine.go_on(rest, tissue, further_fine_iterations if index else fine_iterations)
        local_fields[index] = grid.extract(rest) + (local_fields[0] if index else 0)
    log.info("PDF: %d voxels filled from the fitted sources", int(fine.fill.sum()))
    return local_fields


def unexplained_field(
    total_field: np.ndarray,
    mask: np.ndarray,
    weight: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    iterations: int = 30,
    padding: float = 10.0,
) -> np.ndarray:
    """Return what neither a background nor piecewise uniform tissue explains of a small image's field.

    Parameters
    ----------
    total_field : ndarray, shape (x, y, z)
        In ppm.
    mask : ndarray of bool, shape (x, y, z)
        Voxels where the field is known.
    weight : ndarray, shape (x, y, z)
        Weight of the data with mean 1 in the mask.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    iterations : int
        Conjugate gradients of the first fit.
    padding : float
        Of `Grid`, in mm.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        In ppm, zero outside the mask.
    """
    grid = Grid(mask, voxel_size=voxel_size, padding=padding)
    problem = _Problem(
        grid,
        dipole_kernel(grid, b0_direction),
        inside=grid.mask,
        weight=grid.embed(weight) * grid.mask,
        scale=grid.backend.asarray(_source_scale(grid, TISSUE_SCALE, RISE)),
        fill=grid.mask * 0,
    )
    local_field, _, chi = problem.fit(grid.embed(total_field) * grid.mask, iterations, REFINEMENTS)
    return grid.extract(local_field - problem.field(chi) * grid.mask)


class _Problem:
    """The weighted least-squares problem on one grid."""

    def __init__(self, grid: Grid, kernel: Array, *, inside: Array, weight: Array, scale: Array, fill: Array) -> None:
        self.grid, self.kernel = grid, kernel
        self.inside, self.weight, self.scale, self.fill = inside, weight, scale, fill
        self.offset: SmoothOffset | None = None

    def on_blocks(self, grid: Grid, kernel: Array, factors: Sequence[int]) -> _Problem:
        """Return the same problem on blocks: inverse variance and squared scale are the means of their voxels'."""
        weight, scale = (block_means(volume * volume, factors) ** 0.5 for volume in (self.weight, self.scale))
        inside, fill = (block_means(volume, factors) for volume in (self.inside, self.fill))
        fill /= inside + (inside == 0)
        return _Problem(grid, kernel, inside=inside, weight=weight, scale=scale, fill=fill)

    def block_field(self, field: Array, factors: Sequence[int]) -> Array:
        """Return the means of a field over blocks, weighted by its inverse variance, and 0 where nothing has weight."""
        inverse_variance = self.weight * self.weight
        sums = block_means(inverse_variance * field, factors)
        inverse_variance = block_means(inverse_variance, factors)
        return sums / (inverse_variance + (inverse_variance == 0))

    def fit(self, total: Array, iterations: int, refinements: int) -> tuple[Array, Array, Array]:
        """Return the local field, the sources whose part outside makes the background, and χ of the tissue."""
        sources, offset = self.solve(total, iterations)
        rest = total - offset - self.outer_field(sources)
        chi = sources * self.inside
        self.fill_from(self.field(chi), rest)
        splits, left = Splits(), rest
        alone = (OUTER_SHARE, OUTSIDE, REFINEMENT_ITERATIONS)
        outer_share, limit, effort = alone if self.offset is None else BESIDE_OFFSET
        for _ in range(refinements):
            found = self.tissue(left, field_noise(self.grid.extract(rest), self.grid.image_mask), limit, splits)
            chi, outside = found * self.inside, outer_share * found * (1 - self.inside)
            tissue, beyond = self.field(chi), self.field(outside) * self.grid.mask
            more, offset = self.solve((left - beyond - tissue) * self.grid.mask, effort)
            left -= self.outer_field(more)
            left -= offset
            rest = left - beyond
            self.fill_from(tissue, rest)
            left = rest + beyond
            sources += more
        return rest, sources + outside if refinements else sources, chi

    def go_on(self, rest: Array, tissue: Array, iterations: int) -> Array:
        """Return the local field, from what a coarser grid's sources leave of the total, and the tissue's field."""
        self.fill_from(tissue, rest)
        if iterations:
            rest -= self.outer_field(self.solve((rest - tissue) * self.grid.mask, iterations)[0])
            self.fill_from(tissue, rest)
        return rest

    def fill_from(self, tissue: Array, local_field: Array) -> None:
        """Put the field of the tissue where the measured one is not to be relied on."""
        local_field += self.fill * (tissue - local_field)

    def field(self, sources: Array) -> Array:
        """Return D*χ."""
        return self.grid.convolve(sources, self.kernel)

    def outer_field(self, sources: Array) -> Array:
        """Return the field in the mask of the sources outside it."""
        return self.field(sources * (1 - self.inside)) * self.grid.mask

    def tissue(self, local_field: Array, noise: float, outside: float, splits: Splits) -> Array:
        """Return the piecewise uniform χ in and around the brain that explains a field, going on from the last one."""
        iterations = TISSUE_ITERATIONS[splits.data is not None]
        settings = REFINEMENT | {"regularisation": scaled_regularisation(REFINEMENT["regularisation"], noise)}
        given = (self.grid, local_field, self.weight, self.kernel)
        chi = total_variation(*given, outside=outside, iterations=iterations, splits=splits, **settings)
        # The mean over the brain is free, and the field of a uniform brain is that of sources on its surface.
        chi -= (chi * self.inside).sum() / self.inside.sum()
        return chi

    def solve(self, field: Array, iterations: int) -> tuple[Array, Array | float]:
        """Return the sources P·y and the smooth offset after conjugate gradients on the normal equations."""
        passes = descent(self.grid, self.weight, self.scale)
        residual = self.weight * field
        solution = 0 * residual
        gradient, slope = self._adjoint(self.weight * residual)
        direction, turn, coefficients = gradient, slope, 0 * slope
        size = first = passes.precondition(gradient) + float(slope @ slope)
        for _ in range(iterations if first > 0 else 0):
            image = self.field(direction)
            if self.offset is not None:
                image += self.offset.field(turn)
            step = size / passes.weigh(image)
            coefficients = coefficients + step * turn
            passes.lessen(residual, image, step)
            gradient, slope = self._adjoint(image)
            size, before = passes.precondition(gradient) + float(slope @ slope), size
            passes.turn(solution, direction, step, gradient, size / before)
            turn = turn * (size / before) + slope
            if size < 1e-12 * first:
                break
        return solution, 0.0 if self.offset is None else self.offset.field(coefficients)

    def _adjoint(self, weighted: Array) -> tuple[Array, np.ndarray]:
        """Return D*(W·r), and the inner products of W·r with the polynomials of the offset."""
        return self.field(weighted), np.zeros(1) if self.offset is None else self.offset.adjoint(weighted)


def _source_scale(grid: Grid, tissue_scale: float, rise: float) -> np.ndarray:
    """Return P on the grid: `tissue_scale` in the mask, from there to 1 over `rise` mm."""
    scale = np.ones(grid.shape, np.float32)
    # Around the box, which may run over the ends of the periodic grid, no more than `rise` has to be looked at.
    margins = [int(np.ceil(rise / edge)) for edge in grid.voxel_size]
    inside = np.pad(grid.image_mask[grid.box], [(margin, margin) for margin in margins])
    distance = near_distance(inside, voxel_size=grid.voxel_size, limit=rise)
    near = np.maximum(np.clip(distance / rise, 0, 1), tissue_scale) if rise else np.where(inside, tissue_scale, 1)
    where = [np.arange(-margin, n - margin) % length
             for margin, n, length in zip(margins, inside.shape, grid.shape, strict=True)]  # fmt: skip
    scale[np.ix_(*where)] = near
    return scale
