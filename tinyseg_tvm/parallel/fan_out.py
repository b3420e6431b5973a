"""Many questions to one function, answered by an executor: in the order of asking, whoever is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from typing import Any, TypeVar

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.parallel.cache import Cache

Q = TypeVar("Q")
_CLUSTER = "distributed."  # the library whose own errors are those of its workers


@dataclass(frozen=True)
class Refusal:
    """What a worker answers that cannot do what it is asked: in words, for the user."""

    reason: str


def results(
    function: Callable[[Q], Any],
    questions: Sequence[Q],
    executor: Executor,
    cache: Cache | None = None,
    key: Callable[[Q], str] = str,
) -> Iterator[Any]:
    """What ``function`` answers to each question, in their order.

    All are asked at once; what is in the cache is not asked. Where the caller ends early, or one answer is an error,
    questions that nobody has begun are taken back, and answers that are there by then go to the cache.

    Args:
        function: a function of a module, so that other processes know it; its questions and answers can be pickled.
        questions: what it is called with.
        executor: who calls it.
        cache: for answers, which are JSON then.
        key: what a question is known by there.

    Raises:
        TinySegError: a worker refuses, or is lost and nobody takes its place; whatever ``function`` raises.
    """
    known = [None if cache is None else cache.get(key(question)) for question in questions]
    asked: list[Future[Any] | None] = []
    kept = 0
    try:
        for question, there in zip(questions, known, strict=True):
            asked.append(None if there else executor.submit(function, question))
        for number, (there, future) in enumerate(zip(known, asked, strict=True)):
            answer = there[0] if there else _answer(future)
            if cache is not None and not there:
                cache.put(key(questions[number]), answer)
            kept = number + 1
            yield answer
    finally:
        for number in range(kept, len(asked)):
            rest = asked[number]
            if rest is None or rest.cancel() or not rest.done() or rest.exception() is not None:
                continue
            if cache is not None and not isinstance(rest.result(), Refusal):
                cache.put(key(questions[number]), rest.result())


def _answer(future: Future[Any] | None) -> Any:
    assert future is not None
    try:
        answer = future.result()
    except BrokenExecutor as error:
        raise TinySegError(f"a worker process ended before its work did: {error}; run it again, with --cache") from None
    except CancelledError:
        raise TinySegError("the cluster is gone: its scheduler does not answer any more") from None
    except Exception as error:
        if not type(error).__module__.startswith(_CLUSTER):
            raise
        what = " ".join(str(error).split())[:400]
        raise TinySegError(f"the cluster gave a piece of work up ({type(error).__name__}): {what}") from None
    if isinstance(answer, Refusal):
        raise TinySegError(answer.reason)
    return answer
