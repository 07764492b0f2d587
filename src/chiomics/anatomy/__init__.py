"""From T1w, FLAIR, DWI and χ to the regions where radiomics is read, in the space of the gradient echo.

>>> from chiomics.anatomy import SessionFiles, define_regions, segment_session
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "SessionFiles": "files",
        "correct_bias": "registration.bias_field",
        "define_regions": "session.regions",
        "extract_brain": "registration.brain_extraction",
        "read_atlas": "atlases.atlas",
        "register": "registration.ants",
        "segment_lesions": "tissue.lesions",
        "segment_session": "session.segmentation",
        "segment_tissue": "tissue.tissue",
        "split_lesions": "tissue.lesion_split",
    },
)
