"""Numerical building blocks that know nothing of MR: Fourier transforms, kernels, derivatives, trees, solvers."""
