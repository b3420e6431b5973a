"""Which ONNX operators are compiled, how, and why the others are not.

The lists are derived from the code that does the work: what the operator classes say of themselves, the rewrites' own
tables and TVM's converter map. What remains is stated here: why some that TVM could import are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.functions import EXPANDED
from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.importing import converter_names
from tinyseg_tvm.frontend.rewrites.qoperators import EXPANSIONS, MICROSOFT
from tinyseg_tvm.operators import OPERATORS, Lookup

# Quantised (QDQ), these become the named integer operators (tinyseg_tvm.operators); in float32 the same ones
# (relay_passes/float_to_operators.py) or the long tail. A table is for the functions that no other operator names.
INTEGER: dict[str, str] = dict.fromkeys(Lookup.onnx, Lookup.kind)
INTEGER |= {name: operator.kind for operator in OPERATORS.values() if operator is not Lookup for name in operator.onnx}
INTEGER |= {name: f"clamp of the producer, else {INTEGER[name]}" for name in ("Relu", "Clip")}
INTEGER |= {name: f"{INTEGER[name]}, {Lookup.kind}" for name in ("QuantizeLinear", "DequantizeLinear")}

REWRITTEN: dict[str, str] = {
    **dict.fromkeys(EXPANDED, "ONNX's own definition by other operators"),
    "Identity": "removed",
    "Dropout": "removed",
    "Constant": "folded",
    "ConstantOfShape": "folded",
    "Shape": "folded",
    "Size": "folded",
    "GroupNormalization": "InstanceNormalization of groups",
    "BatchNormalization": "folded into the weights, else multiply and add",
    "Mean": "add and divide",
    "Scatter": "ScatterElements",
    "ConvInteger": "QDQ form where the scales are constant, else long tail",
    "MatMulInteger": "QDQ form where the scales are constant, else long tail",
}

_CONTROL = ("control flow has no static schedule", "export with constant conditions, or unroll the loop")
_DYNAMIC = ("its result's shape depends on the data", "do this step in the application, behind the network")
_RECURRENT = (
    "recurrent layers are not supported",
    "export one time step of the cell as MatMul, Add, Sigmoid and Tanh, with the state as input and output",
)
_DYNAMIC_SCALE = ("its scale is computed at run time", "quantise the model statically")
_RANDOM = ("random numbers are not reproducible", "export the model in inference mode")
_SEQUENCE = ("sequences and optionals are not tensors", "export the model with plain tensors")
_TEXT = ("strings are not supported on the device", "tokenise in the application")
_DEFAULT = ("no implementation", "replace it by supported operators (tinyseg ops), or run it in the application")

REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("If", "Loop", "Scan", "SequenceMap"), _CONTROL),
    **dict.fromkeys(("NonZero", "Unique", "Compress", "NonMaxSuppression", "AllClassNMS", "MaxUnpool"), _DYNAMIC),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _RECURRENT),
    "DynamicQuantizeLinear": _DYNAMIC_SCALE,
    "OneHot": ("no implementation", "export it as Equal and Where"),
    "Attention": ("no implementation", "export attention as MatMul, Softmax and MatMul"),
    **dict.fromkeys(
        ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"), _RANDOM
    ),
    **dict.fromkeys(
        (
            "Optional", "OptionalHasElement", "OptionalGetElement", "SequenceConstruct", "SequenceEmpty",
            "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceAt", "ConcatFromSequence", "SplitToSequence",
        ),
        _SEQUENCE,
    ),
    **dict.fromkeys(("StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"), _TEXT),
}  # fmt: skip

# Operators of com.microsoft that are ONNX's own under another domain. TVM itself ignores domains, but no others of
# that domain have a type: ONNX has no inference for them.
_MICROSOFT_IMPORTED = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class OperatorSupport:
    """One line of the matrix that ``tinyseg ops`` prints.

    Attributes:
        name: ONNX operator, with its domain unless that is ONNX's own.
        route: "integer", "rewritten", "long tail" or "unsupported".
        detail: the integer operator, what it is rewritten to, or the reason and remedy.
    """

    name: str
    route: str
    detail: str


def supported_operators() -> tuple[OperatorSupport, ...]:
    """All operators the frontend knows something about, sorted by name."""
    rows: dict[str, OperatorSupport] = {}
    for name in filter(onnx.defs.has, converter_names() | {"ConvInteger"}):
        rows[name] = OperatorSupport(name, "long tail", "TVM, as one step over whole tensors")
    rows |= {name: OperatorSupport(name, "rewritten", detail) for name, detail in REWRITTEN.items()}
    rows |= {name: OperatorSupport(name, "integer", detail) for name, detail in INTEGER.items()}
    rows |= {n: OperatorSupport(n, "unsupported", f"{why}; {remedy}") for n, (why, remedy) in REFUSED.items()}
    for name in EXPANSIONS:
        prefix = "" if name in ("QLinearConv", "QLinearMatMul") else f"{MICROSOFT}."
        rows[prefix + name] = OperatorSupport(prefix + name, "rewritten", "QDQ form")
    return tuple(sorted(rows.values(), key=lambda row: row.name.lower()))


def refuse_unknown_operators(graph: Graph) -> None:
    """Record every node that cannot be compiled whatever its attributes are."""
    known = converter_names() | REWRITTEN.keys() | INTEGER.keys()
    for node in graph.nodes:
        if node.op_type in EXPANSIONS and node.domain in ("", MICROSOFT):
            continue
        if not node.domain:
            if node.op_type in REFUSED:
                graph.refuse(node, *REFUSED[node.op_type])
            elif node.op_type not in known:
                graph.refuse(node, *_DEFAULT)
        elif node.domain != MICROSOFT or node.op_type not in _MICROSOFT_IMPORTED:
            graph.refuse(node, f"operators of domain {node.domain} are not supported", _DEFAULT[1])


def refuse_constant_outputs(graph: Graph) -> None:
    """Refuse outputs that no inference changes: the device would copy constants.

    Raises:
        TinySegError: some output depends on no input.
    """
    varying = set(graph.inputs)
    for node in graph.nodes:
        if varying.intersection(node.inputs):
            varying.update(node.outputs)
    if constant := [name for name in graph.outputs if name not in varying]:
        raise TinySegError(
            f"graph output(s) {constant} depend on no input: their values never change. Remedy: remove them from the "
            "model's outputs, and keep the values in the application"
        )


_DEVICE_TYPES = ("float32", "float64", "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def refuse_unusable_types(graph: Graph) -> None:
    """Record every node whose result has no known static shape, no elements, or a type without C counterpart."""
    for node in graph.nodes:
        for name in node.outputs:
            value = graph.types.get(name)
            if not name:
                continue
            if value is None:
                graph.refuse(node, "its result has no static shape", "export the model with fixed shapes")
            elif value.dtype not in _DEVICE_TYPES:
                graph.refuse(node, f"its result has type {value.dtype}", "export the model in float32 or int8")
            elif 0 in value.shape:
                graph.refuse(node, f"its result of shape {list(value.shape)} has no elements", "remove the node")
            else:
                continue
            break
