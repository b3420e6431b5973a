"""Chooses how a network runs: plan, kernels, storages, memories."""
