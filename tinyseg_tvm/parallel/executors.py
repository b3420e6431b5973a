"""Who does the work: threads of this process, other processes, or a cluster of Dask workers."""

from __future__ import annotations

import asyncio
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from tinyseg_tvm.errors import TinySegError, UsageError

MOST_WORKERS = 1024
RETRIES = 2  # of work that failed on a worker; where a worker is lost, Dask gives its work to another one
SECONDS = 20  # in which a scheduler answers and a worker is there


@contextmanager
def executor_for(
    workers: int = 1, cluster: str = "", resource: str = "", processes: bool = False
) -> Iterator[Executor]:
    """An executor for the time of a ``with``; at its end work that was not begun is taken back.

    Args:
        workers: threads of this process, where the work is that of compilers, emulators and NumPy; or processes.
        cluster: address of a Dask scheduler (``tcp://HOST:PORT``), whose workers take the place of threads.
        processes: several workers are processes: for work that is Python's.
        resource: of which a worker of the cluster must have one for each piece of work (``dask worker --resources``).

    Raises:
        UsageError: too many workers, or none.
        TinySegError: no Dask, no scheduler that answers, no worker with the resource.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"workers: {workers} given, must be 1 to {MOST_WORKERS}")
    if cluster:
        with _dask(cluster, resource) as executor:
            yield executor
        return
    pool: ProcessPoolExecutor | ThreadPoolExecutor = ThreadPoolExecutor(workers)
    if processes and workers > 1:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _end_by_interrupt)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _end_by_interrupt() -> None:
    """A worker process ends at once, and without words, where its terminal's user interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _dask(cluster: str, resource: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise TinySegError("a cluster needs Dask distributed: pip install 'tinyseg-tvm[cluster]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: what matters is compared (versions.py)
            client: Any = Client(cluster, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
        raise TinySegError(
            f"the cluster {cluster}: {' '.join(str(error).split()) or 'no answer'}; start one with 'dask scheduler' "
            "and name the address that it prints (tcp://HOST:PORT)"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except (TimeoutError, asyncio.TimeoutError):
            raise TinySegError(
                f"the cluster {cluster} has no workers: start some with 'dask worker {cluster}'"
            ) from None
        needs = {resource: 1} if resource else None
        if resource:
            found = client.scheduler_info(n_workers=-1)["workers"].values()
            if not any(worker.get("resources", {}).get(resource, 0) >= 1 for worker in found):
                raise TinySegError(
                    f"the cluster {cluster} has no worker with the resource {resource!r}: start one beside the board, "
                    f"with 'dask worker {cluster} --nthreads 1 --resources {resource}=1'"
                )
        executor: Executor = client.get_executor(pure=False, retries=RETRIES, resources=needs)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
