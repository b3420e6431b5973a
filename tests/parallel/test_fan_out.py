"""Questions spread over executors, and answers kept: in order, once, and nothing lost that was there."""

from __future__ import annotations

import importlib
import os
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import Integer, Nullable
from tinyseg_tvm.parallel import Cache, Refusal, differing, executor_for, package_versions, results

RULE = Nullable(Integer(0, 1000))


def slow_if_small(question: int) -> int:
    time.sleep(0.02 if question < 3 else 0)
    return question * question


def refuse(question: int) -> int | Refusal:
    return Refusal("it has no such tool") if question == 2 else question


def end(_question: int) -> int:
    os._exit(1)


def test_answers_come_in_the_order_of_the_questions():
    with executor_for(4) as executor:
        assert list(results(slow_if_small, range(8), executor)) == [n * n for n in range(8)]


def test_what_is_kept_is_not_asked_again(tmp_path):
    asked = []

    def ask(question: int) -> int | None:
        asked.append(question)
        return None if question == 1 else question

    cache = Cache(tmp_path / "cache", RULE)
    with executor_for(1) as executor:
        for _ in range(2):
            assert list(results(ask, [0, 1, 2], executor, cache)) == [0, None, 2]
        assert list(results(ask, [2, 3], executor, cache)) == [2, 3]
    assert asked == [0, 1, 2, 3]
    assert {path.suffix for path in cache.folder.iterdir()} == {".json"}


@pytest.mark.parametrize("content", ["", '{"result": "much"}', '{"result": 5000}', "[]", '{"result": 4'])
def test_what_is_no_result_is_passed_over(content, tmp_path):
    cache = Cache(tmp_path, RULE)
    cache.put("key", 4)
    (path,) = tmp_path.iterdir()
    assert cache.get("key") == (4,)
    path.write_text(content)
    assert cache.get("key") is None


def test_a_cache_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TinySegError, match="name a folder that can be written"):
        Cache(tmp_path / "file", RULE)


def test_a_worker_that_refuses_ends_the_work_in_one_error():
    with executor_for(1) as executor, pytest.raises(TinySegError, match="it has no such tool"):
        list(results(refuse, range(8), executor))


def test_a_worker_process_that_dies_is_an_error_of_one_line():
    with ProcessPoolExecutor(1) as executor, pytest.raises(TinySegError, match="ended before its work did"):
        list(results(end, [1], executor))


def test_answers_that_are_there_when_the_caller_ends_are_kept(tmp_path):
    """And what nobody has begun is taken back."""
    begun: list[int] = []
    others = threading.Event()

    def ask(question: int) -> int:
        begun.append(question)
        if question == 2:
            others.set()
        elif question == 3:
            time.sleep(0.3)
        return question

    cache = Cache(tmp_path, RULE)
    with ThreadPoolExecutor(1) as executor:
        answers = results(ask, range(50), executor, cache)
        assert next(answers) == 0
        assert others.wait(10)
        answers.close()  # type: ignore[attr-defined]
    assert len(begun) < 10
    assert [cache.get(str(n)) for n in range(3)] == [(0,), (1,), (2,)]


@pytest.mark.parametrize("workers", [0, -1, 1 << 20])
def test_as_many_workers_as_cannot_be_are_refused(workers):
    with pytest.raises(UsageError, match="must be 1 to 1024"), executor_for(workers):
        pass


def test_a_cluster_that_is_none_is_an_error():
    pytest.importorskip("distributed")
    with pytest.raises(TinySegError, match="start one with 'dask scheduler'"), executor_for(1, "much://worse"):
        pass


def test_where_dask_is_missing_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with (
        pytest.raises(TinySegError, match=r"pip install 'tinyseg-tvm\[cluster\]'"),
        executor_for(1, "tcp://127.0.0.1:1"),
    ):
        pass


def test_versions_are_compared_by_name(monkeypatch):
    ours = package_versions()
    assert differing(ours, ours) == ""
    other = tuple((name, version + "x" if name == "apache-tvm" else version) for name, version in ours)
    assert "apache-tvm is" in differing(ours, other)
    assert "tinyseg-tvm" not in differing(ours, other)
    assert "gcc is absent and not 12" in differing((*ours, ("gcc", "12")), ours)


def test_cancelled_work_is_an_error():
    class Gone(ThreadPoolExecutor):
        def submit(self, *_arguments, **_named):
            future: Future[int] = Future()
            future.cancel()
            return future

    with Gone(1) as executor, pytest.raises(TinySegError, match="does not answer"):
        list(results(slow_if_small, [1], executor))


def test_the_package_s_version_is_that_of_its_files(monkeypatch, tmp_path):
    """Two checkouts of one version differ where a source does."""
    from tinyseg_tvm.parallel import versions

    package = type("Package", (), {"__path__": [str(tmp_path)]})
    monkeypatch.setattr(importlib, "import_module", lambda _name: package)
    seen = set()
    for name, content in [("a.py", ""), ("a.py", "1"), ("b.c", "1"), ("b.txt", "1")]:
        (tmp_path / name).write_text(content)
        seen.add(versions._content())
    assert len(seen) == 3
