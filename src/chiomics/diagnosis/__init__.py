"""MS against NMOSD from radiomics and demographics: the study of Yan et al. 2021, as published and without its leak.

What the modules hand to one another is in `chiomics.diagnosis.contracts`.
"""
