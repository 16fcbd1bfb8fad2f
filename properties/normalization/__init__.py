"""Laws of normalisation of data and of activations."""
