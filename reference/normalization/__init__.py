"""Normalisation of data and of activations."""
