"""Tables and figures of Yan et al. 2021."""
