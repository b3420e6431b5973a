"""Memory-optimal neural network inference for microcontrollers, as a backend for Apache TVM."""

__version__ = "0.1.0"


def _autoload() -> None:
    """Called at the end of ``import tvm`` (entry point ``tvm.backends``): makes our target strings known to TVM."""
    from tinyseg_tvm.target_tags import register_target_tags

    register_target_tags()
