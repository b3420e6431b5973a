"""Work that is spread over threads, processes or machines by ``concurrent.futures``, and kept on disk."""

from tinyseg_tvm.parallel.cache import Cache
from tinyseg_tvm.parallel.executors import executor_for
from tinyseg_tvm.parallel.fan_out import Refusal, results
from tinyseg_tvm.parallel.versions import Versions, differing, package_versions

__all__ = ["Cache", "Refusal", "Versions", "differing", "executor_for", "package_versions", "results"]
