"""Diagnosis: MS against NMOSD by radiomics and demographics, and the study of Yan et al. 2021 on this cohort."""


rule yan2021:
    """Make every table and figure of Yan et al. 2021, as published and without its leak."""
    input:
        yan2021_targets,
