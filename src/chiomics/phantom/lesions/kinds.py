"""What a lesion looks like in susceptibility: iso, homogeneously hyperintense, or with a paramagnetic rim; its vein.

A rim is raised over the lesion's core by a stated contrast, is as wide as stated and may be open: it covers a stated
share of the surface. A vein may run through the lesion's centre, or along the edge of one without a rim, where it
looks like a part of a rim: Zhang et al. 2022 (Fig. 8) show such a false positive. Which values come from the
literature stands in `defaults.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiomics.core.errors import InputError


@dataclass(frozen=True)
class Appearance:
    """The susceptibility of one lesion.

    Attributes
    ----------
    kind : str
        ``iso``, ``hyperintense`` or ``rim``.
    shift : float
        Of the whole lesion over an iso one, ppm.
    rim_contrast : float
        Of the rim over the core, ppm; 0 without a rim.
    rim_width : float
        In mm; 0 without a rim.
    rim_fraction : float
        Share of the surface that the rim covers; 0 without a rim.
    opening : tuple of float
        Unit vector in the lesion's frame towards the middle of the rim's opening.
    vein : str
        ``none``, ``central`` or ``edge``.
    vein_radius : float
        In mm; 0 without a vein.
    vein_turn : float
        Angle in rad about the lesion's first axis at which a vein along the edge lies.
    vein_arc : float
        Angle in rad that a vein along the edge spans as seen from the centre.
    """

    kind: str = "iso"
    shift: float = 0.0
    rim_contrast: float = 0.0
    rim_width: float = 0.0
    rim_fraction: float = 0.0
    opening: tuple[float, float, float] = (0.0, 0.0, 1.0)
    vein: str = "none"
    vein_radius: float = 0.0
    vein_turn: float = 0.0
    vein_arc: float = 0.0


def draw_appearance(rng: np.random.Generator, rim: bool, parameters: dict) -> Appearance:
    """Draw how a lesion looks.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw; the same number of values is taken whatever the lesion is.
    rim : bool
        Whether it has a rim.
    parameters : dict
        One group's ``kinds`` of the recipe.

    Returns
    -------
    Appearance
        What was drawn.
    """
    kind_draw, vein_draw, edge_draw, *shares = rng.random(9)
    opening = rng.standard_normal(3)
    shift, contrast, width, fraction, radius, arc = (
        low + share * (high - low)
        for (low, high), share in zip(
            (
                parameters["hyperintense_shift"],
                parameters["rim_contrast"],
                parameters["rim_width"],
                parameters["rim_fraction"],
                parameters["vein_radius"],
                np.deg2rad(parameters["edge_vein_arc"]),
            ),
            shares,
            strict=True,
        )
    )
    hyperintense = not rim and kind_draw < parameters["hyperintense_share"]
    vein = "edge" if not rim and edge_draw < parameters["edge_vein_share"] else "none"
    if vein == "none" and vein_draw < parameters["central_vein_share"]:
        vein = "central"
    return Appearance(
        kind="rim" if rim else "hyperintense" if hyperintense else "iso",
        shift=shift if hyperintense else 0.0,
        rim_contrast=contrast if rim else 0.0,
        rim_width=width if rim else 0.0,
        rim_fraction=fraction if rim else 0.0,
        opening=tuple((opening / np.linalg.norm(opening)).tolist()),
        vein=vein,
        vein_radius=radius if vein != "none" else 0.0,
        vein_turn=float(2 * np.pi * rng.random()),
        vein_arc=float(arc) if vein == "edge" else 0.0,
    )


def check_kinds(group: str, kinds: dict, *, file: object = None) -> None:
    """Stop where a share or a range of ``lesions.<group>.kinds`` cannot be."""
    for key, value in kinds.items():
        where = f"lesions.{group}.kinds.{key}"
        if key.endswith("_share"):
            if not 0 <= value <= 1:
                raise InputError(f"{where} is not a share", file=file, found=str(value), expected="0 to 1")
            continue
        high = {"rim_fraction": 1.0, "edge_vein_arc": 360.0}.get(key, np.inf)
        if len(value) != 2 or not 0 <= value[0] <= value[1] <= high:
            raise InputError(
                f"{where} is not a range", file=file, found=str(value), expected="two numbers from 0, the low first"
            )
