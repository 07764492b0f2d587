"""The choices of the phase chain: the default, which measured best, and the published pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from chiomics.core.errors import SettingError

#: Every choice that the two presets make; each holds all keys, so that a caller may override single ones (another
#: background removal, for instance, with its parameters).
PRESETS: dict[str, dict] = {
    "default": {
        "combine": "fit",
        "unwrap": "quality",
        "min_quality": 0.5,
        "quality_scale": 0.0125,
        "edge_factor": 0.3,
        "background": "pdf",
        "tissue_scale": 1 / 30,
        "rise": 3.0,
        "iterations": 60,
        "refinements": 2,
        "min_agreement": 0.6,
        "largest_radius": 18.0,
        "threshold": 0.08,
        "echo_weights": "SNR",
    },
    "published": {
        "combine": "average",
        "unwrap": "fourier",
        "min_quality": 0.0,
        "quality_scale": 0.25,
        "edge_factor": 1.0,
        "background": "vsharp",
        "tissue_scale": 1 / 30,
        "rise": 3.0,
        "iterations": 60,
        "refinements": 2,
        "min_agreement": 0.0,
        "largest_radius": 12.0,
        "threshold": 0.05,
        "echo_weights": "TE",
    },
}
#: With one echo the spatial quality of the phase stands in for the agreement of the echoes, on a wider scale, and the
#: phase offset stays in the field. It is no field of sources anywhere, so V-SHARP, which takes what is smooth, leaves
#: an error of χ of 60 % where the projection leaves 72 % (simulated head, 2.5 mm; slope of the nuclei 14 and 32 % off).
ONE_ECHO: dict[str, dict] = {"default": {"background": "vsharp", "quality_scale": 0.25, "min_agreement": 0.3}}


def preset(name: str, overrides: Mapping | None = None, *, echoes: int | None = None) -> dict:
    """Return a preset's parameters with single ones replaced.

    Parameters
    ----------
    name : {"default", "published"}
        Preset.
    overrides : mapping, optional
        Keys of the preset with other values.
    echoes : int, optional
        Number of echoes of the session; one echo has values of its own.

    Returns
    -------
    dict
        Parameters.

    Raises
    ------
    SettingError
        For an unknown preset or key.
    """
    if name not in PRESETS:
        raise SettingError("unknown preset of the phase chain", found=repr(name), expected=", ".join(PRESETS))
    unknown = set(overrides or {}) - set(PRESETS[name])
    if unknown:
        raise SettingError("unknown parameters of the phase chain", found=", ".join(sorted(unknown)),
                         expected=", ".join(PRESETS[name]))  # fmt: skip
    own = ONE_ECHO.get(name, {}) if echoes == 1 else {}
    return {**PRESETS[name], **own, **(overrides or {})}
