"""Multiple sclerosis against neuromyelitis optica spectrum disorder from FLAIR, by networks and what they must beat.

>>> from chiomics.flair import prepare_session, read_classifier, score_sessions
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "Prepared": "images.prepare",
        "prepare_session": "images.prepare",
        "read_classifier": "prediction.score",
        "score_sessions": "prediction.score",
    },
)
