"""MS against NMOSD from radiomics and demographics: the study of Yan et al. 2021, as published and without its leak.

What the modules hand to one another is in `chiomics.diagnosis.contracts`.
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "complete_settings": "models",
        "delong_table": "performance.measures",
        "evaluate": "evaluation",
        "list_models": "models",
        "performance_table": "performance.measures",
        "read_model": "model_file",
    },
)
