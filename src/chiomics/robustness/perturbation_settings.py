"""Perturbations of the user's own, as the configuration names them: each a name, a kind and its strength.

For example ``{noise2ppb: {kind: noise, sd: 0.002}, erode1mm: {kind: erosion, distance: 1.0}}``. What the kinds do is in
`chiomics.robustness.perturb_image` and `chiomics.robustness.perturb_mask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from chiomics.core.errors import SettingError

#: What each kind is set by, with the value that changes nothing; strengths are not negative but for those in `SIGNED`.
KINDS: dict[str, dict[str, float | str]] = {
    "noise": {"sd": 0.0, "relative_sd": 0.0},  # ppm; fraction of the standard deviation of χ in the region
    "intensity": {"offset": 0.0, "offset_sd": 0.0, "scale": 1.0, "scale_sd": 0.0},  # ppm, ppm, factor, fraction
    "smoothing": {"fwhm": 0.0},  # mm
    "erosion": {"distance": 0.0},  # mm
    "dilation": {"distance": 0.0},  # mm
    "jitter": {"translation_sd": 0.0, "rotation_sd": 0.0, "interpolation": "nearest"},  # mm, degrees
}
SIGNED = ("offset",)
INTERPOLATIONS = ("nearest", "linear")
#: Kinds that draw: only these differ from one repeat to the next.
RANDOM = ("noise", "intensity", "jitter")
#: What a table of features has in the column `perturbation` for the session as it is.
UNPERTURBED = ""
#: The reference among echo sets where none is named.
REFERENCE_ECHO_SET = "all"


@dataclass(frozen=True)
class Perturbation:
    """One perturbation.

    Parameters
    ----------
    name : str
        The user's, and what the table of features calls it.
    kind : str
        One of `KINDS`.
    settings : dict
        All settings of the kind.
    repeats : int
        How many times it is drawn.
    """

    name: str
    kind: str
    settings: dict[str, float | str]
    repeats: int = 1

    @property
    def draws(self) -> tuple[str, ...]:
        """What the table of features calls each repeat: the name itself where there is one."""
        return (self.name,) if self.repeats == 1 else tuple(f"{self.name}-{k + 1}" for k in range(self.repeats))


def read_perturbations(configured: Mapping[str, Mapping]) -> list[Perturbation]:
    """Read the perturbations of a configuration.

    Parameters
    ----------
    configured : mapping of str to mapping
        Name to ``kind``, its settings (see `KINDS`), and ``repeats`` (1 by default).

    Returns
    -------
    list of Perturbation
        In the configuration's order.

    Raises
    ------
    SettingError
        For a kind or setting that is not known, or a strength that cannot be.
    """
    perturbations = []
    for name, options in configured.items():
        options = dict(options)
        kind, repeats = options.pop("kind", None), options.pop("repeats", 1)
        if kind not in KINDS:
            raise SettingError(f"perturbation {name}: kind", found=str(kind), expected=", ".join(KINDS))
        for key, value in options.items():
            _check_setting(f"perturbation {name}: {key}", kind, key, value)
        if not isinstance(repeats, int) or repeats < 1 or (repeats > 1 and kind not in RANDOM):
            expected = "a whole number from 1" if kind in RANDOM else f"1, for {kind} draws nothing"
            raise SettingError(f"perturbation {name}: repeats", found=str(repeats), expected=expected)
        perturbations.append(Perturbation(name, kind, KINDS[kind] | options, repeats))
    return perturbations


def map_to_perturb(
    names: Sequence[tuple[str, str]], *, inversion: str | None, echo_sets: Sequence[str]
) -> tuple[str, str]:
    """Choose the map that perturbations start from: the one at which they are compared with the session as it is.

    Parameters
    ----------
    names : sequence of (inversion, echo set)
        The session's maps in their order.
    inversion, echo_sets
        Of `chiomics.robustness.settings.Settings`.

    Returns
    -------
    (inversion, echo set)
        The reference; the first map of a session that has none by these names.
    """
    wanted = (inversion or names[0][0], echo_sets[0] if echo_sets else REFERENCE_ECHO_SET)
    return wanted if wanted in names else names[0]


def _check_setting(what: str, kind: str, key: str, value: object) -> None:
    if key not in KINDS[kind]:
        raise SettingError(f"{what} is not a setting of {kind}", expected=", ".join([*KINDS[kind], "repeats"]))
    if key == "interpolation":
        if value not in INTERPOLATIONS:
            raise SettingError(what, found=str(value), expected=" or ".join(INTERPOLATIONS))
    elif not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value):
        raise SettingError(what, found=repr(value), expected="a number")
    elif value < 0 and key not in SIGNED:
        raise SettingError(what, found=f"{value:g}", expected="0 or more")
