"""chiomics: from multi-echo GRE to susceptibility maps, radiomics and classifiers."""

__version__ = "0.1.0"
