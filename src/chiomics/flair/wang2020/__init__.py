"""Wang et al. 2020: MS against NMOSD by a 2-D network on volumes that are compressed along two views."""
