"""Problems, benchmarks and longer studies: convergence, stability, mutation, sweeps."""
