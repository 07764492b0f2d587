"""How far features agree between reconstructions: the study of Fiscone et al. (2023) on any cohort.

Feature tables are all it needs. From the shell's side the stage is `snakemake fiscone2023`; in Python:

>>> from chiomics.core.features.table import open_features
>>> from chiomics.robustness import Settings
>>> from chiomics.robustness.fiscone2023.study import analyse_agreement
>>> tables = analyse_agreement(open_features("features.parquet"), Settings())  # doctest: +SKIP

`tables` names and explains every table, `icc` has the coefficients of an array of ratings, `paper_tables` lays them out
as the paper does, and `perturbations` changes maps and regions on purpose.
"""

from chiomics.core.lazy import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "Settings": "settings",
        "analyse": "analysis",
        "coefficient": "icc",
        "confidence_interval": "icc",
        "decompose": "icc",
        "mean_squares": "icc",
        "perturb": "perturbations",
        "perturb_session": "perturbations",
        "read_ratings": "ratings",
    },
)
