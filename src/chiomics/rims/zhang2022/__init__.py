"""The study of Zhang et al. 2022 (NeuroImage: Clinical 34:102979) under its own table and figure numbers."""
