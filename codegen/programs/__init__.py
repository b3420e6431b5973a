"""Kernels as TVM programs: what is computed, the schedules that decide how, and the C micro-kernels they call."""
