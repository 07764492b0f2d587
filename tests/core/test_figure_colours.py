"""Colours of regions: readers of any colour vision tell them apart, and see them on a dark image."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from chiomics.core.figures import NUCLEUS_COLOURS, TRACT_COLOURS
from chiomics.diagnosis import figure_style

#: What colour-blind eyes see of linear RGB, at full severity (Machado, Oliveira and Fernandes 2009, Table 1).
VISION = {
    "normal": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
#: Of the curves of the study of MS against NMOSD, on white.
CURVES = figure_style.model_colours([*figure_style.NUCLEUS_COLOURS, "demographics", "hybrid"])
WHITE = np.array([0.95047, 1, 1.08883])


def lab_of(colour: str, vision: np.ndarray) -> np.ndarray:
    """Return CIELAB (D65) of a colour as it is seen."""
    encoded = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    share = TO_XYZ @ np.clip(vision @ linear, 0, 1) / WHITE
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return ΔE of CIEDE2000 (Sharma, Wu and Dalal 2005)."""
    chroma = (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25**7)))
    (l1, a1, b1), (l2, a2, b2) = one, other
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    hue_step = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + turn / 2) % 360
    waves = ((1, -0.17, -30), (2, 0.24, 0), (3, 0.32, 6), (4, -0.2, -63))
    shape = 1 + sum(height * np.cos(np.radians(times * hue + shift)) for times, height, shift in waves)
    scales = (
        1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2),
        1 + 0.045 * chroma,
        1 + 0.015 * chroma * shape,
    )
    steps = np.array([l2 - l1, c2 - c1, hue_step]) / scales
    blue = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    twist = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(blue))
    return float(np.sqrt(steps @ steps + twist * steps[1] * steps[2]))


def test_the_measure_is_the_published_one():
    # Pairs 1, 7 and 19 of Table 1 of Sharma, Wu and Dalal 2005.
    for one, other, expected in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ):
        assert difference(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [NUCLEUS_COLOURS, TRACT_COLOURS, CURVES], ids=["nuclei", "tracts", "curves"])
def test_no_two_regions_look_alike(colours, vision):
    seen = {name: lab_of(colour, VISION[vision]) for name, colour in colours.items()}
    nearest = min((difference(seen[one], seen[other]), one, other) for one, other in itertools.combinations(seen, 2))
    assert nearest[0] >= 15, nearest  # ten is plain side by side; lines of a pixel need more


def test_curves_are_seen_on_white():
    for colour in CURVES.values():
        assert lab_of(colour, VISION["normal"])[0] < 75, colour


def test_models_of_other_names_have_colours_of_their_own():
    for colours in (figure_style.model_colours, figure_style.outline_colours):
        names = ["GP", "PUT", "left caudate", "internal pallidum", "red nucleus"]
        assert len(set(colours(names).values())) == len(names)


def test_regions_are_seen_on_dark_images():
    for colour in (*NUCLEUS_COLOURS.values(), *TRACT_COLOURS.values()):
        assert lab_of(colour, VISION["normal"])[0] > 45, colour
