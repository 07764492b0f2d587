"""Seok et al. 2023 (Scientific Reports 13:11625, doi:10.1038/s41598-023-38271-x): MS against NMOSD, five slices."""
