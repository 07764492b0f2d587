"""Seok et al. 2023: MS against NMOSD by a 2-D network on five axial slices, with Grad-CAM."""
