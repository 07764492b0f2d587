"""Deep grey nuclei as smooth bent ellipsoids at their template coordinates.

The seven bilateral nuclei are those of Yan et al. (2021). Centre, semi-axes, orientation (rotation vector, rad) and
bend of the right-hand ones are in `nuclei.tsv`: fits, by largest overlap, to the Allen Human Reference Atlas 3D 2020
(CC BY 4.0; Dice 0.81 to 0.92), except that the substantia nigra is thickened, as the atlas has its dense part alone.
The left-hand ones are mirror images.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np

#: Nuclei in the order of their labels.
NUCLEI = ("HCN", "PUT", "GP", "THA", "RN", "SN", "DN")
#: Minimum distance between two nuclei in mm of template space.
GAP = 2.5


@lru_cache(maxsize=1)
def nuclei_table() -> dict[str, dict[str, float | str]]:
    """Read the shapes of the right-hand nuclei, by abbreviation."""
    with (Path(__file__).parent / "nuclei.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {
        row["abbreviation"]: {
            key: value if key in ("abbreviation", "name") else float(value) for key, value in row.items()
        }
        for row in rows
    }


def nucleus_centre(nucleus: str, hemisphere: str) -> np.ndarray:
    """Return a nucleus' centre in template mm; `hemisphere` is ``L`` or ``R``."""
    row = nuclei_table()[nucleus]
    return np.array([row["x"] if hemisphere == "R" else -row["x"], row["y"], row["z"]])


def nucleus_extent(nucleus: str) -> float:
    """Return a radius in mm that holds the nucleus and the gap around it."""
    row = nuclei_table()[nucleus]
    return float(row["axis_u"]) * 1.3 + GAP + 2


def label_nuclei(template_points: np.ndarray, hemisphere: str, *, scale: dict[str, float] | None = None) -> np.ndarray:
    """Label the template points that lie in the nuclei of one hemisphere.

    A nucleus gives way where another shape is closer than `GAP`, and keeps half of it from the midline, so that none
    touches a neighbour.

    Parameters
    ----------
    template_points : ndarray, shape (3, N)
        Points in template mm.
    hemisphere : {"L", "R"}
        Side.
    scale : dict of str to float, optional
        Linear size of each nucleus over the table's.

    Returns
    -------
    ndarray of int, shape (N,)
        0 outside, 1 + position in `NUCLEI` inside.
    """
    scale = scale or {}
    depths = np.stack([_depth(template_points, nucleus, hemisphere, scale.get(nucleus, 1.0)) for nucleus in NUCLEI])
    order = np.argsort(depths, axis=0)
    nearest = np.take_along_axis(depths, order[:1], axis=0)[0]
    second = np.take_along_axis(depths, order[1:2], axis=0)[0]
    beside_midline = np.asarray(template_points)[0] * (1 if hemisphere == "R" else -1) > GAP / 2
    return np.where((nearest < 0) & (second > GAP) & beside_midline, order[0] + 1, 0)


def _depth(points: np.ndarray, nucleus: str, hemisphere: str, scale: float) -> np.ndarray:
    """Approximate the signed distance in mm to a nucleus' surface, negative inside."""
    row = nuclei_table()[nucleus]
    centred = np.array(points, np.float32)
    if hemisphere == "L":
        centred[0] *= -1
    centred -= np.array([[row["x"]], [row["y"]], [row["z"]]], np.float32)
    rotation = _rotation(np.array([row["rotation_x"], row["rotation_y"], row["rotation_z"]]))
    u, v, w = (rotation.T.astype(np.float32) @ centred) / np.float32(scale)
    a, b, c = row["axis_u"], row["axis_v"], row["axis_w"]
    arc = u * u / np.float32(a) - np.float32(a / 5)
    v = v - np.float32(row["bend_v"]) * arc
    w = w - np.float32(row["bend_w"]) * arc
    norm = np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
    gradient = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2 + (w / c**2) ** 2)
    return (norm - 1) * norm / np.maximum(gradient, 1e-6) * scale


def _rotation(vector: np.ndarray) -> np.ndarray:
    """Turn a rotation vector into a matrix (Rodrigues)."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
