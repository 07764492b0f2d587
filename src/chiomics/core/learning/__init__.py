"""Training networks: one loop, residual networks, samplers, weights, curves and saliency.

PyTorch is imported by the modules that need it and never by this one, so that all else works without it.
"""
