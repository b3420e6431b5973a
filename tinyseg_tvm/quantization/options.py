"""What a quantisation may be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyseg_tvm.accuracy import Preprocessing
from tinyseg_tvm.accuracy.scores import Reading
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.quantization.calibration import METHODS

ACTIVATIONS = ("int8", "int16")
PORTS = ("quantized", "float")


@dataclass(frozen=True)
class QuantizationOptions:
    """How a network is quantised.

    Attributes:
        preprocessing: of pictures.
        methods: of calibration that are compared.
        activations: ``int8`` or ``int16``.
        excluded: names of nodes that stay in float; ``*`` and ``?`` as in file names.
        ports: ``quantized``: inputs and outputs are integers; ``float``: float32 as in the model.
        shapes: of inputs, or extents of named dimensions that the file leaves open.
        batch: of inputs whose first dimension is open.
        reading: how the first output becomes classes, where there are labels.
        samples: calibration samples at the most, evenly spread.
        scored: labelled samples at the most by which the methods are compared.
    """

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    methods: Sequence[str] = METHODS
    activations: str = "int8"
    excluded: Sequence[str] = ()
    ports: str = "quantized"
    shapes: Mapping[str, Sequence[int] | int] = field(default_factory=dict)
    batch: int = 1
    reading: Reading = field(default_factory=Reading)
    samples: int = 128
    scored: int = 500

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("activations", self.activations, ACTIVATIONS),
            ("ports", self.ports, PORTS),
            *(("method", method, METHODS) for method in self.methods),
        ):
            if value not in choices:
                raise UsageError(f"{name}: {value!r} is none of {', '.join(choices)}")
        if not self.methods:
            raise UsageError(f"methods: one at least of {', '.join(METHODS)}")
        if self.samples < 1 or self.scored < 1:
            raise UsageError("samples and scored: 1 at least")
