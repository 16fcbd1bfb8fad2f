"""Long products of Jacobians: recurrent networks, and deep ones."""
