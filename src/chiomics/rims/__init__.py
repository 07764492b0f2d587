"""Paramagnetic rim lesions: their table and ratings, detectors, evaluation and prediction.

>>> from chiomics.rims import load_detector, predict_lesions

Whole sessions are scored by `chiomics.commands.predict_folder`, which measures their lesions first.
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "complete_settings": "detectors.arms",
        "load_detector": "detectors.model_file",
        "predict_lesions": "prediction.predict",
        "read_session": "lesions.session",
        "tabulate_session": "lesions.session",
    },
)
