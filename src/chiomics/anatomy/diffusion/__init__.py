"""Diffusion images: corrected, modelled, and traced to tracts."""
