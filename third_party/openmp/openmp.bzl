"""Compiler flags for targets that write `#pragma omp` (they also depend on //third_party/openmp)."""

OPENMP_COPTS = ["-fopenmp"]
