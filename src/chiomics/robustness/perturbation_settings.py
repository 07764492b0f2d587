"""Perturbations of the user's own, as the configuration names them: each a name, a kind and its strength.

For example ``{noise2ppb: {kind: noise, sd: 0.002}, erode1mm: {kind: erosion, distance: 1.0}}``. What the kinds do is in
`chiomics.robustness.perturb_image` and `chiomics.robustness.perturb_mask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from chiomics.core.errors import SettingError
from chiomics.core.settings import Limits, check_key, check_value

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
        check_value(Literal[tuple(KINDS)], kind, where=f"perturbation {name}: kind")
        options = {key: _read(f"perturbation {name}: {key}", kind, key, value) for key, value in options.items()}
        repeats = check_value(int, repeats, where=f"perturbation {name}: repeats")
        if repeats < 1 or (repeats > 1 and kind not in RANDOM):
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


def _read(what: str, kind: str, key: str, value: object) -> float | str:
    """Check one setting of a kind."""
    check_key(key, [*KINDS[kind], "repeats"], where=f"{what.removesuffix(f': {key}')} of kind {kind}")
    if key == "interpolation":
        return check_value(Literal["nearest", "linear"], value, where=what)
    return check_value(float if key in SIGNED else Annotated[float, Limits(0)], value, where=what)
