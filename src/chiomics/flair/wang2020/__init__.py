"""Wang et al. 2020 (Frontiers in Physiology 11:612928, doi:10.3389/fphys.2020.612928): MS against NMOSD, two views."""
