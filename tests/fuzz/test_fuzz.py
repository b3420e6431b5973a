"""Broken models compile, or are refused in one sentence: no traceback, no hang, no crash, nothing half-written."""

from __future__ import annotations

import os
import signal
from itertools import islice

import pytest

from tests.fuzz.campaign import CORPUS, campaign, mutants, verdicts
from tests.fuzz.seeds import seeds
from tests.fuzz.trial import judged
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.loading import load_model
from tinyseg_tvm.frontend.reading import read_graph
from tinyseg_tvm.frontend.tflite.reading import read_model

SEED = 1
HALF_AN_HOUR = 1800.0
CORPUS_FILES = sorted(path for path in CORPUS.iterdir() if path.suffix in (".onnx", ".tflite"))


def bad(found):
    return [(verdict.file, verdict.verdict, verdict.said) for verdict in found if verdict.bad]


def test_a_few_mutants_of_each_format():
    assert not bad(campaign(".tflite", 2, SEED))
    assert not bad(campaign(".onnx", 1, SEED))


@pytest.mark.release
def test_what_was_found_once_stays_mended():
    assert not bad(verdicts([(path.name, path.read_bytes()) for path in CORPUS_FILES]))


def test_a_seed_gives_the_same_mutants_again():
    first, again, other = mutants(".tflite", 7), mutants(".tflite", 7), mutants(".tflite", 8)
    ones = [next(first) for _ in range(20)]
    assert ones == [next(again) for _ in range(20)]
    assert [data for _, data in ones] != [next(other)[1] for _ in range(20)]
    assert not {data for _, data in ones} & set(seeds().values())


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_most_mutants_reach_what_lies_behind_the_reader(suffix, tmp_path):
    read = 0
    for name, data in islice(mutants(suffix, SEED), 100):
        try:
            if suffix == ".tflite":
                read_model(data, name)
            else:
                path = tmp_path / name
                path.write_bytes(data)
                read_graph(*load_model(path)[:2], {}, 1)
            read += 1
        except TinySegError:
            continue
    assert read >= 60


@pytest.mark.parametrize(
    ("status", "said", "written", "verdict"),
    [
        (0, "", ["metadata.json"], "ok"),
        (0, "", ["model.c"], "half-written"),
        (1 << 8, "tinyseg: error: m: no. Remedy: yes", [], "refused"),
        (3 << 8, "tinyseg: error: it does not fit", [], "refused"),
        (1 << 8, "tinyseg: error: m: no", ["model.c"], "half-written"),
        (1 << 8, "tinyseg: error: internal error: KeyError: 3", [], "traceback"),
        (1 << 8, "Traceback (most recent call last):\ntinyseg: error: m", [], "traceback"),
        (1 << 8, "", [], "traceback"),
        (70 << 8, "tinyseg: error: m", [], "traceback"),
        (int(signal.SIGSEGV), "", [], "crash"),
        (int(signal.SIGXCPU), "", [], "hang"),
    ],
)
def test_what_must_not_be_is_seen(status, said, written, verdict):
    assert os.WIFSIGNALED(status) == (status < 256 and status > 0)
    assert judged(status, said, written) == verdict


@pytest.mark.slow
def test_two_thousand_mutants_of_tflite_files():
    assert not bad(campaign(".tflite", 2000, SEED))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_an_hour_of_mutants(suffix):
    assert not bad(campaign(suffix, 1 << 30, SEED + 1, HALF_AN_HOUR))
