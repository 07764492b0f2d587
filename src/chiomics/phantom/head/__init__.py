"""A simulated head: tissue, nuclei, tracts, veins, texture and susceptibility."""
