"""Quantitative susceptibility mapping: from echoes to local fields, and from local fields to χ.

>>> from chiomics.qsm import remove_background_pdf, tv
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "dipole_field": "dipole",
        "estimate_total_fields": "chain",
        "find_reference": "reference",
        "fit_r2star": "r2star",
        "ilsqr": "inversions.ilsqr",
        "invert": "inversions.invert",
        "l1": "inversions.l1",
        "l2": "inversions.l2",
        "medi": "inversions.medi",
        "phase_to_radians": "phase.phase_scale",
        "remove_background_fields": "chain",
        "remove_background_pdf": "background.pdf",
        "remove_background_vsharp": "background.vsharp",
        "star": "inversions.star",
        "tkd": "inversions.tkd",
        "tv": "inversions.tv",
    },
)
