"""The trace has every step's time once, transfers beside it, and the bytes alive."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.report.told import told
from tinyseg_tvm.report.trace import trace_document


def timeline():
    found = told().timeline
    assert found is not None
    return found


def events(kind):
    document = json.loads(json.dumps(trace_document(told())))
    return [event for event in document["traceEvents"] if event["ph"] == kind]


def test_slices_follow_each_other_and_cover_the_inference():
    slices = [event for event in events("X") if event["tid"] == 1 and event["name"] != "wait for storage"]
    begins, lengths = (np.array([event[key] for event in slices]) for key in ("ts", "dur"))
    assert begins[0] == 0
    assert np.abs(begins[1:] - (begins + lengths)[:-1]).max() < 0.01
    assert begins[-1] + lengths[-1] == pytest.approx(1e6 * timeline().ends[-1], abs=0.01)
    assert sum(event["args"]["steps"] for event in slices) == len(told().plan.steps)


def test_transfers_are_on_a_thread_of_their_storage_and_waits_are_seen():
    (name,) = [event["args"]["name"] for event in events("M") if event["tid"] == 2]
    assert name == "storage storage"
    lines = next(tensor.lines for tensor in told().problem.tensors if tensor.name == "down0b")
    moved = [event["name"] for event in events("X") if event["tid"] == 2]
    assert (moved.count("down0b_spill"), moved.count("down0b_fetch")) == (lines, lines)
    waits = sum(event["dur"] for event in events("X") if event["name"] == "wait for storage")
    assert waits == pytest.approx(1e6 * sum(timeline().waits), abs=0.01)


def test_counters_are_the_bytes_alive():
    live = told().memory.live[0]
    changes = [step for step in range(len(live)) if not step or live[step] != live[step - 1]]
    assert [event["args"]["bytes"] for event in events("C")] == live[changes].tolist()


def test_without_times_there_is_no_trace():
    with pytest.raises(ValueError, match="times of the steps"):
        trace_document(replace(told(), timeline=None))
