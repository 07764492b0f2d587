"""Tables and figures of Fiscone et al. 2023."""
