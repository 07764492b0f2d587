"""A smooth offset of a field, which no source makes: the coils' phase, where one echo cannot tell it from field.

The phase at echo time 0 varies slowly over the head. It is described by products of Legendre polynomials along the axes
of the mask's box, up to a total degree, made orthonormal in the weighted inner product of the data. Then the offset is
as easy to find by conjugate gradients as one strong source, however the polynomials overlap. What a degree adds to the
lower ones is expected to be smaller with each degree: a few iterations then leave to the sources what varies fast.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from chiomics.qsm.fourier import Array, Grid


class SmoothOffset:
    """Orthonormal polynomials in the mask of a grid.

    Parameters
    ----------
    grid : Grid
        Grid whose mask they cover.
    weight : Array
        Weight of the data, on the grid.
    degree : int
        Largest sum of the degrees along the three axes.
    scale : float
        Norm of each polynomial of degrees 0 and 1 times the weight, over the mask: how freely it is used beside
        sources of scale 1.
    decay : float
        Factor of the norm for each further degree.
    """

    def __init__(self, grid: Grid, weight: Array, *, degree: int, scale: float, decay: float = 1.0) -> None:
        self.grid = grid
        sides = [part.stop - part.start for part in grid.box]
        self.box = tuple(slice(side) for side in sides)
        self.bases = [
            grid.backend.asarray(legendre.legvander(2 * (np.arange(side) + 0.5) / side - 1, degree)) for side in sides
        ]
        self.cube = [degree + 1] * 3
        orders = np.argwhere(np.indices(self.cube).sum(axis=0) <= degree)
        # Low degrees first: each polynomial is then what its degree adds to those before it.
        orders = orders[np.argsort(orders.sum(axis=1), kind="stable")]
        self.orders = tuple(orders.T)
        self.mixing = np.eye(len(self.orders[0]))
        products = np.array([self.adjoint(weight * weight * self.field(unit)) for unit in self.mixing])
        # A slab may be so thin that its high orders coincide; a hair on the diagonal keeps these apart.
        products += 1e-9 * np.trace(products) * np.eye(len(products))
        norms = scale * decay ** np.maximum(orders.sum(axis=1) - 1, 0)
        self.mixing = np.linalg.inv(np.linalg.cholesky((products + products.T) / 2)).T * norms

    def field(self, coefficients: np.ndarray) -> Array:
        """Return the offset in the mask."""
        cube = np.zeros(self.cube, np.float32)
        cube[self.orders] = self.mixing @ coefficients
        values = self.grid.backend.asarray(cube)
        for basis in self.bases:
            values = self.grid.backend.xp.tensordot(values, basis, ([0], [1]))
        offset = self.grid.mask * 0
        offset[self.box] = values
        return offset * self.grid.mask

    def adjoint(self, volume: Array) -> np.ndarray:
        """Return the inner product of each polynomial with a volume."""
        values = (volume * self.grid.mask)[self.box]
        for basis in self.bases:
            values = self.grid.backend.xp.tensordot(values, basis, ([0], [0]))
        return self.mixing.T @ self.grid.backend.to_numpy(values)[self.orders].astype(float)
