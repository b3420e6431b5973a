"""The comparison with TensorFlow Lite's interpreters sees agreement and each kind of difference."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tflite_agreement

from tests.frontend.tflite_files import convolution
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.reference import run, to_device
from tinyseg_tvm.relay_passes import lower


@pytest.fixture
def model(tmp_path):
    made = convolution(np.random.default_rng(3))
    path = tmp_path / "small.tflite"
    path.write_bytes(made.to_bytes([0], [len(made.tensors) - 1]))
    return path


class Interpreter:
    """Stands for both interpreters: what the reference executor computes, but for the tensors of ``wrong``."""

    wrong: tuple[str, ...] = ()

    def __init__(self, model_path, **_options):
        self.network = lower(from_tflite(model_path)[0])

    @classmethod
    def from_file(cls, path):
        return cls(path)

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [{"index": 0}]

    def set_tensor(self, _index, array):
        self.array = array

    def set_input(self, array, _index):
        self.array = array

    def invoke(self):
        trace: dict[str, np.ndarray] = {}
        outputs = run(self.network, [self.array], trace=trace)
        self.tensors = dict(trace) | {"output": outputs[0]}
        for name in self.wrong:
            self.tensors[name] = self.tensors[name].copy()
            self.tensors[name].reshape(-1)[0] ^= 1

    def get_tensor_details(self):
        return [{"index": name, "name": name} for name in self.tensors if name != "output"]

    def get_output_details(self):
        return [{"index": "output"}]

    def get_tensor(self, index):
        return self.tensors[index]

    def get_output(self, _index):
        return self.tensors["output"]


def judges(*wrong):
    kind = type("Wrong", (Interpreter,), {"wrong": wrong})
    module = SimpleNamespace(Interpreter=kind, OpResolverType=SimpleNamespace(BUILTIN_REF=0))
    return {"ai-edge-litert": module, "tflite-micro": module}


def test_equal_values_are_seen_as_equal(model):
    found = tflite_agreement.compare(model, judges())
    assert {c.node: c.differing for c in found.operators} == {"conv": 0, "pool": 0, "dense": 0, "shares": 0}
    assert found.ends == {"ai-edge-litert": (0, 3), "tflite-micro": (0, 3)}


def test_a_layer_that_differs_is_named_alone(model):
    found = tflite_agreement.compare(model, judges("conv"))
    assert [(c.node, c.differing) for c in found.operators if c.node == "conv"] == [("conv", 1)]
    assert found.ends["tflite-micro"] == (0, 3)


def test_outputs_and_golden_vectors_that_differ_are_counted(model):
    network = lower(from_tflite(model)[0])
    x = np.zeros((1, 8, 6, 3), np.int8)
    assert to_device(network, network.inputs[0], x).size == x.size
    wanted = run(network, [x])[0]
    np.savez(model.with_suffix(".npz"), in0_0=x, out0_0=wanted, in1_0=x, out1_0=wanted ^ 1)
    found = tflite_agreement.compare(model, judges("output"))
    assert found.ends == {"ai-edge-litert": (1, 3), "tflite-micro": (1, 3), "golden": (3, 6)}
    assert "1 of 3" in tflite_agreement.table([found])
    assert "3 of 6" in tflite_agreement.table([found])


def test_what_is_not_installed_is_said_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(tflite_agreement, "JUDGES", {"some-judge": ("no_such_package_here", "interpreter")})
    assert tflite_agreement.installed() == {}
    assert "Remedy: pip install some-judge" in capsys.readouterr().err
