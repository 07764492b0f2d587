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
        "refinements": 4,
        "offset_degree": 0,
        "min_agreement": 0.6,
        "max_radius": 18.0,
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
        "refinements": 4,
        "offset_degree": 0,
        "min_agreement": 0.0,
        "max_radius": 12.0,
        "threshold": 0.05,
        "echo_weights": "TE",
    },
}
#: With one echo the spatial quality of the phase stands in for the agreement of the echoes, on a wider scale, and the
#: phase offset stays in the field. It is no field of sources, so it is fitted along with them, as a polynomial. On a
#: simulated head of 2.5 mm the error of χ is 62.5 % after V-SHARP, which also loses 12 % of the brain, and 51.7 % with
#: degree 3. Degree 2, which that head's offset has, leaves 49.6 %; but where a coil adds what is no polynomial, 2, 3
#: and 4 leave 61, 55 and 59 %. On another such head 4 and 8 refinements left 52.5 and 50.1 %,
#: on a third 8 and 12 left 47.3 and 46.1 %. The local field's error with 12 is 40 % without an offset, 41 % with one of
#: second degree, 42 to 45 % with those of three arrays.
#: Every voxel of the mask is kept: 99 % of the brain, 97 % with a `min_quality` of 0.5.
ONE_ECHO: dict[str, dict] = {
    "default": {"offset_degree": 3, "refinements": 12, "quality_scale": 0.25, "min_agreement": 0.3, "min_quality": 0.0}
}

#: A phase difference and a field map are the one echo that holds no offset of the coil.
WITHOUT_OFFSET: dict[str, dict] = {"default": {"offset_degree": 0, "refinements": 4, "min_quality": 0.5}}


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
