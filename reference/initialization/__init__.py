"""Initial weights and biases, and what becomes of signals that pass them."""
