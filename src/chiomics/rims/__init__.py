"""Paramagnetic rim lesions: their table and ratings, detectors, evaluation and prediction.

>>> from chiomics.rims import load_detector, predict_folder
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "complete_settings": "detectors.arms",
        "load_detector": "detectors.model_file",
        "predict_folder": "prediction.run",
        "predict_lesions": "prediction.predict",
        "read_session": "lesions.session",
        "tabulate_session": "lesions.session",
    },
)
