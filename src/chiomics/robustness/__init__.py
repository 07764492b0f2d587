"""How far features agree between reconstructions: the study of Fiscone et al. (2023) on any cohort."""
