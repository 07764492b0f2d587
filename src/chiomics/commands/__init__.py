"""Commands that take several stages, e.g. `chiomics rims predict`: the only package that imports more than one of them.

>>> from chiomics.commands import predict_folder, prepare_segmentation
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "predict_folder": "rims_predict",
        "prepare_segmentation": "flair_segmentation",
    },
)
