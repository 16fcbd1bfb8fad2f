"""Laws of long products of Jacobians: recurrent networks, and deep ones."""
