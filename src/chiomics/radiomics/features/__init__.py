"""The feature classes of pyradiomics, and what they are counted on."""
