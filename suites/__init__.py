"""Benchmarks, and what the laws reach in the libraries."""
