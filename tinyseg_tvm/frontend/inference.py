"""Types of all tensors, and the value of every tensor that does not depend on the model's inputs.

One walk in topological order. Each node's result types come from ONNX's own inference for that node alone, so no
proto of the whole model is ever serialised. Nodes whose inputs are all constant are computed with
``onnx.reference``; Shape and Size of a static tensor are constants too, so the shape arithmetic that exporters emit
disappears. A DequantizeLinear of a constant is kept (the passes need the integers), unless the values meet
another node that computes with constants alone, or are an operand that is a parameter (``_PARAMETERS``).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyseg_tvm.frontend.graph import OWN_DOMAIN, Body, Graph, Node, ValueType, node_error, node_proto, type_proto
from tinyseg_tvm.frontend.indices import check_constant_indices
from tinyseg_tvm.frontend.reading import check_size
from tinyseg_tvm.frontend.rewrites.resizes import resize_sizes
from tinyseg_tvm.frontend.rewrites.windows import windowed_shape

# Inference looks at the values of small inputs only (shapes, axes, pads, scales of Resize).
_DATA_ELEMENTS = 1024
# A constant made by folding. Larger ones would come from Tile or Expand of something small.
_MAX_FOLDED_BYTES = 1 << 26
# Operands that are numbers of the operator's, whatever they were stored as: statistics, bounds, scales.
_PARAMETERS = {
    "BatchNormalization": (1, 2, 3, 4),
    "Clip": (1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "LSTM": (3, 4, 5, 6, 7),
    "GRU": (3, 4, 5),
    "RNN": (3, 4, 5),
    "Pad": (2,),
    "Resize": (1, 2),
    "Upsample": (1,),
}
_WIDE = ("int16", "uint16")  # quantised types that ONNX's own quantisers have since this operator set
_WIDE_QUANTIZERS = 21
_LISTS = ("Sequence", "SplitToSequence", "ConcatFromSequence", "Optional")  # operators on several tensors, or none
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}


def infer(graph: Graph) -> None:
    """Fill ``graph.types`` and fold constants. Nodes of unknown operators leave their results without a type.

    Raises:
        TinySegError: shapes contradict each other, a tensor is empty or too large.
    """
    graph.types = {name: value for name, value in graph.types.items() if name in graph.inputs}
    graph.types.update({name: ValueType(value.dtype.name, value.shape) for name, value in graph.constants.items()})
    dequantized: dict[str, Node] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        _read_parameters(graph, node, dequantized)
        check_constant_indices(graph, node)
        if _move_constant(graph, node, dequantized):
            pass
        elif _fold(graph, node, dequantized):
            continue
        kept.append(node)
        infer_node(graph, node)
        check_constant_indices(graph, node)  # of what its result's shape limits
        if _is_constant_dequantizer(graph, node):
            dequantized[node.outputs[0]] = node
    graph.nodes = kept
    graph.remove_dead()


def _is_constant_dequantizer(graph: Graph, node: Node) -> bool:
    return (
        node.op_type == "DequantizeLinear"
        and not node.domain
        and not node.attributes.get("block_size", 0)
        and all(name in graph.constants for name in node.inputs if name)
    )


def _read_parameters(graph: Graph, node: Node, dequantized: dict[str, Node]) -> None:
    """Let ``node`` read the values of dequantised constants where they are its parameters."""
    for index in () if node.domain else _PARAMETERS.get(node.op_type, ()):
        if (source := dequantized.get(node.input(index))) is not None:
            node.inputs[index] = graph.add_constant(node.input(index), _dequantized(graph, source))
    for index, name in enumerate(node.inputs if node.op_type == "Range" else ()):
        if (value := graph.constant(name)) is not None and value.shape == (1,):  # as in ONNX's body of AffineGrid
            node.inputs[index] = graph.add_constant(name, value.reshape(()))


def _dequantized(graph: Graph, node: Node) -> np.ndarray:
    """The values of a DequantizeLinear of constants, which ``onnx.reference`` computes from opset 19 on."""
    data, scale = graph.constants[node.inputs[0]], graph.constants[node.inputs[1]]
    zero = graph.constants[node.inputs[2]] if node.input(2) else np.zeros((), data.dtype)
    if scale.size > 1:
        axis = 0 if data.ndim == 1 else node.attributes.get("axis", 1)
        if not -data.ndim <= axis < data.ndim or data.shape[axis] != scale.size or zero.size not in (1, scale.size):
            raise node_error(
                node,
                f"{scale.size} scales do not fit axis {axis} of shape {list(data.shape)}",
                "export the model again",
            )
        along = [1] * data.ndim
        along[axis] = scale.size
        scale, zero = scale.reshape(along), zero.reshape(along if zero.size > 1 else ())
    elif scale.size != 1 or zero.size != 1:
        raise node_error(node, "it has no scale, or several zero points for one scale", "export the model again")
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    with np.errstate(all="ignore"):
        return np.asarray((data.astype(np.int64) - zero.astype(np.int64)).astype(scale.dtype) * scale)


def _move_constant(graph: Graph, node: Node, dequantized: dict[str, Node]) -> bool:
    """Turn a change of shape of a dequantised constant into a DequantizeLinear of the changed integers."""
    source = dequantized.get(node.input(0))
    if source is None or node.domain or node.op_type not in ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"):
        return False
    if any(name and name not in graph.constants for name in node.inputs[1:]):
        return False
    before = graph.types[source.inputs[0]].shape
    moved = Node(node.name, node.op_type, [source.inputs[0], *node.inputs[1:]], list(node.outputs), node.attributes)
    infer_node(graph, moved)
    after = graph.types[node.outputs[0]].shape
    axis = None
    if graph.constants[source.inputs[1]].size > 1:
        axis = _moved_axis(node, before, after, source.attributes.get("axis", 1))
        if axis is None:
            return False
    integers = graph.add_constant(source.inputs[0], _evaluate(graph, moved, {})[0])
    node.op_type, node.inputs = "DequantizeLinear", [integers, *source.inputs[1:]]
    node.attributes = {} if axis is None else {"axis": axis}
    return True


def _moved_axis(node: Node, before: tuple[int, ...], after: tuple[int, ...], axis: int) -> int | None:
    """Where a change of shape puts ``axis``; None where it splits or merges it."""
    axis += len(before) if axis < 0 else 0
    axis = 0 if len(before) == 1 else axis
    if node.op_type == "Transpose":
        permutation = node.attributes.get("perm", list(range(len(before)))[::-1])
        return list(permutation).index(axis)
    ahead = math.prod(before[:axis])
    matches = [i for i, n in enumerate(after) if n == before[axis] and math.prod(after[:i]) == ahead]
    return matches[0] if matches else None


def _has_body(node: Node) -> bool:
    return any(isinstance(value, Body) for value in node.attributes.values())


def infer_node(graph: Graph, node: Node) -> None:
    """Find the types of the node's results; those of unknown operators and operands stay unknown."""
    if _has_body(node):
        return
    if node.domain == OWN_DOMAIN:
        graph.types[node.outputs[0]] = ValueType("float32", tuple(node.attributes["shape"]))
        return
    present = [name for name in node.inputs if name]
    # Rewrites leave most nodes alone, and a constant's name never gets another value of the same type.
    key = repr((node, graph.opset, [graph.types.get(name) for name in present]))
    if key in graph.inferred:
        graph.types.update(graph.inferred[key])
        return
    if any(name not in graph.types for name in present) or not onnx.defs.has(node.op_type, graph.opset, node.domain):
        return
    if node.op_type == "Resize" and (sizes := resize_sizes(graph, node)) is not None:
        graph.types[node.outputs[0]] = ValueType(graph.types[node.inputs[0]].dtype, sizes)
        check_size(graph.types[node.outputs[0]], f"node '{node.name}' (Resize)")
        return
    if node.op_type == "MaxUnpool" and (extent := graph.constant(node.input(2))) is not None:
        graph.types[node.outputs[0]] = ValueType(graph.types[node.inputs[0]].dtype, tuple(map(int, extent)))
        check_size(graph.types[node.outputs[0]], f"node '{node.name}' (MaxUnpool)")
        return
    if (windowed := windowed_shape(graph, node)) is not None:
        dtypes = (graph.types[node.inputs[0]].dtype, "int64")  # a MaxPool's second result are indices
        graph.types.update(
            {name: ValueType(d, windowed) for name, d in zip(node.outputs, dtypes, strict=False) if name}
        )
        return
    if (wide := _wide_quantized(graph, node)) is not None:
        graph.types[node.outputs[0]] = wide
        return
    if node.op_type == "GroupNormalization" and not node.domain:  # a function, and deprecated as opset 18 defines it
        graph.types[node.outputs[0]] = graph.types[node.inputs[0]]
        return
    try:
        schema = onnx.defs.get_schema(node.op_type, graph.opset, node.domain)
        results = onnx.shape_inference.infer_node_outputs(
            schema,
            node_proto(node),
            {name: type_proto(graph.types[name]) for name in present},
            {
                name: numpy_helper.from_array(graph.constants[name], name)
                for name in present
                if name in graph.constants and graph.constants[name].size <= _DATA_ELEMENTS
            },
            opset_imports=[helper.make_opsetid("", graph.opset)],
        )
    except Exception as error:
        shapes = {name: list(graph.types[name].shape) for name in present}
        text = str(error).replace("\n", " ")
        raise node_error(node, f"inputs {shapes} do not fit the operator: {text}", "correct the model") from None
    found = {}
    for name, proto in results.items():
        if (value := _value_type(proto)) is not None:
            where = f"node '{node.name}' ({node.qualified_type}): result {name!r}"
            check_size(value, where)
            found[name] = value
    graph.types.update(found)
    graph.inferred[key] = found


def _wide_quantized(graph: Graph, node: Node) -> ValueType | None:
    """The result of a quantiser of 16 bits below opset 21, which com.microsoft has; None for any other node."""
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or node.domain or graph.opset >= _WIDE_QUANTIZERS:
        return None
    data, zero = graph.types[node.inputs[0]], graph.types.get(node.input(2))
    if node.op_type == "DequantizeLinear":
        return ValueType(graph.types[node.inputs[1]].dtype, data.shape) if data.dtype in _WIDE else None
    return ValueType(zero.dtype, data.shape) if zero is not None and zero.dtype in _WIDE else None


def _value_type(proto: onnx.TypeProto) -> ValueType | None:
    tensor = proto.tensor_type
    if proto.WhichOneof("value") != "tensor_type" or not tensor.elem_type or not tensor.HasField("shape"):
        return None
    if any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    return ValueType(dtype, tuple(dim.dim_value for dim in tensor.shape.dim))


def _fold(graph: Graph, node: Node, dequantized: dict[str, Node]) -> bool:
    """Replace the node by constants where possible. True where it is gone."""
    if node.domain or node.op_type in _RANDOM or node.op_type.startswith(_LISTS) or _has_body(node):
        return False
    if node.op_type in ("Shape", "Size") and (shape := graph.shape(node.inputs[0])) is not None:
        start, end = node.attributes.get("start", 0), node.attributes.get("end", len(shape))
        extent = np.array(shape, np.int64)
        set_constant(graph, node.outputs[0], extent[start:end] if node.op_type == "Shape" else extent.prod())
        return True
    if node.op_type == "EyeLike" and (value := graph.types.get(node.inputs[0])) is not None and len(value.shape) == 2:
        dtype = node.attributes.get("dtype")
        chosen = value.dtype if dtype is None else helper.tensor_dtype_to_np_dtype(dtype)
        set_constant(graph, node.outputs[0], np.eye(*value.shape, node.attributes.get("k", 0), chosen))
        return True
    present = [name for name in node.inputs if name]
    if _is_constant_dequantizer(graph, node) or any(n not in graph.constants and n not in dequantized for n in present):
        return False
    if not present and node.op_type != "Constant":
        return False
    infer_node(graph, node)
    sizes = [graph.types[name] for name in node.outputs if name in graph.types]
    size = sum(int(np.prod(value.shape)) * np.dtype(value.dtype).itemsize for value in sizes)
    if size > _MAX_FOLDED_BYTES:
        raise node_error(
            node,
            f"its constant result needs {size} bytes, more than the limit of {_MAX_FOLDED_BYTES}",
            "use a smaller one",
        )
    values = {name: _dequantized(graph, dequantized[name]) for name in present if name in dequantized}
    for name, result in zip(node.outputs, _evaluate(graph, node, values), strict=False):
        if name:
            set_constant(graph, name, result)
    return True


def set_constant(graph: Graph, name: str, value: np.ndarray) -> None:
    """Make a tensor of the graph constant; whoever makes it in another way must go."""
    array = np.ascontiguousarray(value).reshape(np.shape(value))
    graph.constants[name] = array
    graph.types[name] = ValueType(array.dtype.name, array.shape)


def _evaluate(graph: Graph, node: Node, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The node's results, of constants and ``values``."""
    feeds = {name: values[name] if name in values else graph.constants[name] for name in node.inputs if name}
    outputs = [name for name in node.outputs if name]
    proto = helper.make_graph(
        [node_proto(node)],
        "constant",
        [helper.make_value_info(name, type_proto(graph.types[name])) for name in feeds],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", graph.opset)])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(model).run(None, feeds)
    except Exception as error:
        text = str(error).replace("\n", " ")
        raise node_error(node, f"its constant value cannot be computed: {text}", "correct the model") from None
    values = dict(zip(outputs, (np.asarray(value) for value in results), strict=True))
    return [values.get(name, np.zeros(0)) for name in node.outputs]
