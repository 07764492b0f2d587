"""From T1w, FLAIR, DWI and χ to the regions where radiomics is read, in the space of the gradient echo."""
