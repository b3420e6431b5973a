"""The reference executor apart: what goes wrong in it ends the child alone."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

import numpy as np
import pytest

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.network import Network, Node, Port, Tensor, reference
from tinyseg_tvm.network.reference_process import Limits, run_apart
from tinyseg_tvm.operators import MaxPool2d, TensorType

KIND = TensorType((1, 4, 5, 3), "int8")
WINDOW = ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))


@dataclass(frozen=True)
class Hostile(MaxPool2d):
    """An operator whose reference does what it is told."""

    deed: str = ""

    def reference(self, inputs, constants):
        if self.deed == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.deed == "hang":
            while True:
                pass
        if self.deed == "grow":
            np.ones(1 << 32, np.uint8)
        if self.deed == "refuse":
            raise TinySegError("it says so itself")
        return (inputs[0],)


def network(operator):
    read, written = (Port(name, name, KIND.shape, "int8", (0, 1, 2, 3)) for name in "xy")
    tensors = {name: Tensor(name, KIND, 0.5, -3) for name in "xy"}
    nodes = (Node("one", operator, ("x",), ("y",), {}),)
    return Network("n", tensors, nodes, (read,), (written,))


X = np.arange(60, dtype=np.int8).reshape(KIND.shape)


def test_results_are_those_of_this_process():
    vectors = [[X], [X[:, ::-1].copy()]]
    case = network(MaxPool2d((2, 2), (1, 1), (0, 0, 1, 1), (1, 1)))
    for got, vector in zip(run_apart(case, vectors), vectors, strict=True):
        np.testing.assert_array_equal(got, reference.run(case, vector, layout="device"))


@pytest.mark.parametrize(
    ("deed", "said"),
    [("crash", "ended by SIGSEGV"), ("hang", "limit of 1 s"), ("grow", "limit of 64 MiB"), ("refuse", "it says so")],
)
def test_what_ends_the_child_is_one_error_here(deed, said):
    with pytest.raises(TinySegError, match=said):
        run_apart(network(Hostile(*WINDOW, deed=deed)), [[X]], Limits(memory=64 << 20, seconds=1))


def test_errors_of_the_user_keep_their_kind():
    with pytest.raises(UsageError, match="1 inputs, 2 were given"):
        run_apart(network(MaxPool2d(*WINDOW)), [[X, X]])
