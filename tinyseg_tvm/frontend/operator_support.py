"""Which ONNX operators are compiled, how, and why the others are not.

The lists are derived from the code that does the work: what the operator classes say of themselves, the rewrites' own
tables and TVM's converter map. What remains is stated here: why some that TVM could import are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from tinyseg_tvm.frontend.contributed import DYNAMIC
from tinyseg_tvm.frontend.definitions import ALWAYS
from tinyseg_tvm.frontend.function_bodies import EXPANDED
from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.importing import converter_names
from tinyseg_tvm.frontend.operator_words import WHOLE, operator_words
from tinyseg_tvm.frontend.rewrites.fused_operators import FUSED
from tinyseg_tvm.frontend.rewrites.qoperators import EXPANSIONS, MICROSOFT
from tinyseg_tvm.frontend.sequences import SEQUENCES
from tinyseg_tvm.operators import OPERATORS, Lookup

# Quantised (QDQ), these become the named integer operators (tinyseg_tvm.operators); in float32 the same ones
# (relay_passes/float_to_operators.py) or the long tail. A table is for the functions that no other operator names.
INTEGER: dict[str, str] = dict.fromkeys(Lookup.onnx, Lookup.kind)
INTEGER |= {name: operator.kind for operator in OPERATORS.values() if operator is not Lookup for name in operator.onnx}
INTEGER |= {name: f"clamp of the producer, else {INTEGER[name]}" for name in ("Relu", "Clip")}
INTEGER |= {name: f"{INTEGER[name]}, {Lookup.kind}" for name in ("QuantizeLinear", "DequantizeLinear")}

INTEGER |= {"MatMul": f"{INTEGER['MatMul']}, of two activations {OPERATORS['matmul'].kind}"}

REWRITTEN: dict[str, str] = {
    **dict.fromkeys(EXPANDED[""], "ONNX's own definition by other operators"),
    **{name: "defined by other operators" for domain, name in ALWAYS if not domain},
    **dict.fromkeys(SEQUENCES, "the tensors that it holds, where positions are constant and no port is one"),
    "Identity": "removed",
    "Dropout": "removed",
    "If": "the branch that is taken, where the condition is constant",
    "Loop": "its iterations, where they do not depend on data",
    "Scan": "its iterations",
    "Constant": "folded",
    "ConstantOfShape": "folded",
    "Shape": "folded",
    "Size": "folded",
    "EyeLike": "folded",
    "MelWeightMatrix": "folded",
    "GroupNormalization": "InstanceNormalization of groups",
    "LpNormalization": "ReduceL1 or ReduceL2, and Div",
    "BatchNormalization": "folded into the weights, else multiply and add",
    "Mean": "add and divide",
    "Scatter": "ScatterElements",
    "DynamicQuantizeLinear": "its definition in float32",
    "ConvInteger": "QDQ form where the scales are constant, float32 where they are computed",
    "MatMulInteger": "QDQ form where the scales are constant, float32 where they are computed",
}

_DYNAMIC = ("its result's shape depends on the data", "do this step in the application, behind the network")
_RANDOM = ("random numbers are not reproducible", "export the model in inference mode")
_SEQUENCE = ("sequences are not tensors", "export the model with plain tensors")
_TEXT = ("strings are not supported on the device", "tokenise in the application")
_DEFAULT = ("no implementation", "replace it by supported operators (tinyseg ops), or run it in the application")

REFUSED: dict[str, tuple[str, str]] = {
    "SequenceMap": _SEQUENCE,
    **dict.fromkeys(("NonZero", "Unique", "NonMaxSuppression", "AllClassNMS"), _DYNAMIC),
    **dict.fromkeys(
        ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"), _RANDOM
    ),
    **dict.fromkeys(("StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch"), _TEXT),
}  # fmt: skip

_BLOCKS = ("its weights are quantised in blocks of 4 bits or fewer", "quantise to int8, per channel (QDQ)")
REFUSED_MICROSOFT: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "GatherBlockQuantized", "MatMulNBitsMlp", "MatMulNBitsQkv"), _BLOCKS
    ),
    "DynamicQuantizeLSTM": ("its states are quantised at run time", "leave LSTM out of the quantisation"),
    "QAttention": ("its scores are quantised at run time", "quantise the model statically, before it is fused"),
}

# Operators of com.microsoft that are ONNX's own under another domain. TVM itself ignores domains, but no others of
# that domain have a type: ONNX has no inference for them.
_MICROSOFT_IMPORTED = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class OperatorSupport:
    """One line of the matrix that ``tinyseg ops`` prints.

    Attributes:
        name: ONNX operator, with its domain unless that is ONNX's own.
        route: "integer", "by line", "rewritten", "long tail" or "unsupported".
        detail: the integer operator, what it is rewritten to, or the reason and remedy.
        types: how it runs where its operands are int8, int16 (both between quantisers, or as they are) and float32, at
            its best: "integer" and "float", by line; "whole", one step over whole tensors; "-", not. Empty for
            operators of other domains, which become ONNX's own, and for those that are not supported.
    """

    name: str
    route: str
    detail: str
    types: tuple[str, ...] = ()


def supported_operators() -> tuple[OperatorSupport, ...]:
    """All operators the frontend knows something about, sorted by name."""
    rows: dict[str, OperatorSupport] = {}
    for name in filter(onnx.defs.has, converter_names() | {"ConvInteger"}):
        words = operator_words(name)
        by_line = words[-1] != WHOLE and words[0] != WHOLE
        detail = "expressions, reductions and movements" if by_line else "TVM, as one step over whole tensors"
        rows[name] = OperatorSupport(name, "by line" if by_line else "long tail", detail, words)
    made = ((REWRITTEN, "rewritten"), (INTEGER, "integer"))
    rows |= {n: OperatorSupport(n, how, detail, operator_words(n)) for of, how in made for n, detail in of.items()}
    rows |= {n: OperatorSupport(n, "unsupported", f"{why}; {remedy}") for n, (why, remedy) in REFUSED.items()}
    for name in EXPANSIONS:
        own = name in ("QLinearConv", "QLinearMatMul")
        full = name if own else f"{MICROSOFT}.{name}"
        rows[full] = OperatorSupport(full, "rewritten", "QDQ form", operator_words(name) if own else ())
    for name in (*FUSED, *DYNAMIC):
        full = f"{MICROSOFT}.{name}"
        rows[full] = OperatorSupport(full, "rewritten", "the operators that it is made of")
    for name, (why, remedy) in REFUSED_MICROSOFT.items():
        full = f"{MICROSOFT}.{name}"
        rows[full] = OperatorSupport(full, "unsupported", f"{why}; {remedy}")
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
        elif node.op_type in EXPANDED.get(node.domain, ()) or (node.domain, node.op_type) in ALWAYS:
            continue
        elif node.domain == MICROSOFT and node.op_type in REFUSED_MICROSOFT:
            graph.refuse(node, *REFUSED_MICROSOFT[node.op_type])
        elif node.domain != MICROSOFT or node.op_type not in (*_MICROSOFT_IMPORTED, *FUSED, *DYNAMIC):
            graph.refuse(node, f"operators of domain {node.domain} are not supported", _DEFAULT[1])


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
