"""Arm's Cortex-M cores, of the architecture's versions 6, 7 and 8."""
