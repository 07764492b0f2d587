"""Candidates of rim lesions: one picture per session with the three planes of each, and their list for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
from scipy.ndimage import map_coordinates

from chiomics.core.files import atomic_write
from chiomics.core.images import read_image

#: Pixels and mm along the side of a plane, the range of χ in ppm, and which share of the FLAIR's pixels is below white.
SIDE, WIDTH, CHI_RANGE, FLAIR_PERCENTILE = 76, 38.0, 0.06, 99.5


def draw_planes(chi: str, flair: str | None, centres: np.ndarray, path: str | Path) -> dict[str, int]:
    """Draw axial, coronal and sagittal planes through every lesion, a lesion per row, χ and then FLAIR.

    Parameters
    ----------
    chi : path-like
        Map in ppm.
    flair : path-like, optional
        On any grid of the same world.
    centres : ndarray, shape (n, 3)
        Centres of the lesions, mm.
    path : path-like
        PNG file.

    Returns
    -------
    dict of str to int
        Width of the picture and height of a row, in pixels.
    """
    drawn = [_window(_planes(*read_image(chi), centres, outside=-CHI_RANGE), -CHI_RANGE, CHI_RANGE)]
    if flair:
        planes = _planes(*read_image(flair), centres, outside=0.0)
        # by what is drawn, not by the whole head: lesions are the brightest of a brain and would be flat white
        top = float(np.percentile(planes, FLAIR_PERCENTILE))
        drawn.append(_window(planes, 0.0, top if top > 0 else 1.0))
    picture = np.hstack(drawn)
    with atomic_write(path) as temporary:
        matplotlib.image.imsave(
            temporary, picture, cmap="gray", vmin=0, vmax=1, format="png", metadata={"Software": None}
        )  # fmt: skip
    return {"width": picture.shape[1], "height": SIDE}


def _planes(voxels: np.ndarray, affine: np.ndarray, centres: np.ndarray, *, outside: float) -> np.ndarray:
    """Sample the three planes of every lesion, side by side, a lesion per row."""
    rows = [[_plane(voxels, affine, centre, axis, outside) for axis in (2, 1, 0)] for centre in centres]
    return np.vstack([np.hstack(row) for row in rows])


def _window(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1)


def _plane(voxels: np.ndarray, affine: np.ndarray, centre: np.ndarray, axis: int, outside: float) -> np.ndarray:
    """Sample a plane in world coordinates: left on the left, up and front upwards."""
    across, up = (other for other in range(3) if other != axis)
    steps = (np.arange(SIDE) - (SIDE - 1) / 2) * WIDTH / SIDE
    points = np.tile(np.asarray(centre, float)[:, None, None], (1, SIDE, SIDE))
    points[across] += steps[None, :]
    points[up] -= steps[:, None]
    inverse = np.linalg.inv(affine)
    index = np.einsum("ij,jrc->irc", inverse[:3, :3], points) + inverse[:3, 3][:, None, None]
    return map_coordinates(voxels, index, order=1, cval=outside)


def describe_lesions(
    table: str | Path, chi: str, flair: str | None, picture: str | Path, *, link: str
) -> list[dict[str, object]]:
    """Draw a session's lesions and list them.

    Parameters
    ----------
    table : path-like
        Of the rims stage, with ``lesion``, ``x``, ``y``, ``z``, ``volume_mm3``, ``place`` and ``chi_mean`` (ppb).
    chi, flair : path-like
        Images.
    picture : path-like
        PNG to write.
    link : str
        How the list calls it.

    Returns
    -------
    list of dict
        One per lesion: number, centre in mm, volume in mm³, words, picture and the place in it.
    """
    lesions = pd.read_csv(table, sep="\t", na_values="n/a", keep_default_na=False, dtype={"lesion": int})
    if lesions.empty:
        return []
    size = draw_planes(chi, flair, lesions[["x", "y", "z"]].to_numpy(float), picture)
    found = []
    for place, row in enumerate(lesions.to_dict("records")):
        words = f"{row['volume_mm3']:.0f} mm³, {row['place']}, mean χ {row['chi_mean']:.0f} ppb"
        centre = [round(float(row[axis]), 1) for axis in "xyz"]
        found.append(
            {"lesion": row["lesion"], "centre": centre, "volume_mm3": round(float(row["volume_mm3"]), 1)}
            | {"facts": words, "picture": link, "top": place * size["height"], **size}
        )
    return found


def order_lesions(sessions: Sequence[Mapping], predicted: str | Path | None) -> tuple[list[dict[str, object]], str]:
    """List the lesions of the cohort, the most probable rims first.

    Parameters
    ----------
    sessions : sequence of mapping
        Facts of sessions, with ``lesions`` of `describe_lesions`, ``page``, and the keys of the session.
    predicted : path-like, optional
        Table of a detector: participant_id, session_id, run, lesion and rim_probability.

    Returns
    -------
    lesions : list of dict
        For the page.
    order : str
        A sentence on how they are ordered.
    """
    keys = ("participant_id", "session_id", "run")
    known: dict[tuple, float] = {}
    if predicted:
        table = pd.read_csv(predicted, sep="\t", dtype=str, keep_default_na=False).replace({"n/a": ""})
        known = {
            (*(row[key] for key in keys), int(row["lesion"])): float(row["rim_probability"])
            for row in table.to_dict("records")
        }
    found = []
    for session in sessions:
        for lesion in session["lesions"]:
            probability = known.get((*(session[key] for key in keys), lesion["lesion"]))
            words = [] if probability is None else [f"probability of a rim {probability:.2f}"]
            centre = ",".join(str(value) for value in lesion["centre"])
            found.append(
                {key: session[key] for key in ("session", *keys)}
                | {key: lesion[key] for key in ("lesion", "picture", "top", "width", "height")}
                | {"page": f"../{session['page']}#mm={centre}", "facts": ", ".join([*words, lesion["facts"]])}
                | {"order": (-1.0 if probability is None else probability, lesion["volume_mm3"])}
            )
    found.sort(key=lambda lesion: lesion.pop("order"), reverse=True)
    if predicted:
        return found, "The most probable rims come first, by the detector that rims.model names."
    return found, "No detector was applied (rims.model names none), so the largest lesions come first."
