"""Which tables the stage makes: for the workflow, whose every start would else import what makes them."""

from __future__ import annotations

#: Tables of the stage and their formats.
TABLES = {
    "calls": ".parquet", "predictions": ".parquet", "curves": ".parquet", "areas": ".tsv", "performance": ".tsv",
    "differences": ".tsv", "review": ".tsv", "subject_counts": ".tsv", "subject_level": ".tsv", "correlations": ".tsv",
    "reliability": ".tsv", "calibration": ".tsv", "prevalence": ".tsv", "error_analysis": ".tsv", "chance": ".tsv",
    "leak_check": ".tsv", "detector_agreement": ".tsv", "training": ".tsv", "timing": ".tsv",
}  # fmt: skip
