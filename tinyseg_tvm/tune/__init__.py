"""Autotuning: kernels and decisions on their programs are measured on a board or its emulator, by whole inferences.

The records that ``tune`` returns take the place of estimates in ``relay.build``: ``-tuning=FILE``.
"""

from tinyseg_tvm.tune.tuner import TRIALS, Tuned, TunedOperator, tune, worker_resource

__all__ = ["TRIALS", "Tuned", "TunedOperator", "tune", "worker_resource"]
