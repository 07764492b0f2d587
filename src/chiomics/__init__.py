"""chiomics: from multi-echo GRE to susceptibility maps, radiomics and classifiers."""
