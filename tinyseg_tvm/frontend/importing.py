"""Hands a normalised ONNX graph to TVM and keeps the ONNX node names as Relax binding names.

TVM's importer drops node names and leaves the last call of a node unbound until a consumer needs it. Here every node's
result is bound at once under the node's name; calls that a node needs on its way there get the node's name followed by
the Relax operator's (``Conv_3_conv2d`` ahead of ``Conv_3``).
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import tvm
from tvm import relax
from tvm.relax.frontend.onnx import onnx_frontend

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.converters import CONVERTERS
from tinyseg_tvm.frontend.graph import Graph, to_model
from tinyseg_tvm.frontend.names import NameSupply


class _NamingImporter(onnx_frontend.ONNXGraphImporter):  # type: ignore[misc]
    """TVM's importer, binding each node's result and remembering which node it came from."""

    def __init__(self) -> None:
        super().__init__({}, "float32", sanitize=False)
        self.node_of: dict[Any, str] = {}
        self.current_node = ""
        self.current_type = ""

    def _convert_operator(self, op_name: str, inputs: Any, attrs: dict[str, Any], opset: int) -> Any:
        self.current_node, self.current_type = attrs["tvm_custom"]["name"], op_name
        result = super()._convert_operator(op_name, inputs, attrs, opset)
        if isinstance(result, relax.Tuple):
            fields = [self._bind(field, f"{self.current_node}_{i}") for i, field in enumerate(result.fields)]
            return relax.Tuple(fields)
        return self._bind(result, self.current_node)

    def _bind(self, value: Any, name: str) -> Any:
        if isinstance(value, tvm.ir.Call | relax.TupleGetItem | relax.Tuple):
            value = self.bb.emit(value)
        if isinstance(value, relax.Var) and value not in self._inputs.values():
            self.node_of.setdefault(value, name)
        return value


@contextlib.contextmanager
def _own_converters() -> Iterator[None]:
    """TVM's converter map extended by ours while a model is imported."""
    original = onnx_frontend._get_convert_map
    onnx_frontend._get_convert_map = lambda: {**original(), **CONVERTERS}
    try:
        yield
    finally:
        onnx_frontend._get_convert_map = original


def converter_names() -> set[str]:
    """The ONNX operators that TVM and our converters import."""
    return {*onnx_frontend._get_convert_map(), *CONVERTERS}


def import_graph(graph: Graph) -> tvm.IRModule:
    """The graph as a Relax module whose function ``main`` has the graph's inputs as parameters.

    Raises:
        TinySegError: TVM refuses a node.
    """
    model = to_model(graph)
    parameters = _parameter_names(graph)
    importer = _NamingImporter()
    with _own_converters(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            module = importer.from_onnx(model.graph, graph.opset)
            module["main"] = _rename(module["main"], importer.node_of, parameters)
        except TinySegError:
            raise
        except Exception as error:
            where = (
                f"node '{importer.current_node}' ({importer.current_type})" if importer.current_node else "the model"
            )
            text = " ".join(str(error).split())[-300:]
            raise TinySegError(
                f"{where}: TVM cannot import it: {type(error).__name__}: {text}. "
                "Remedy: replace the operator or its attributes"
            ) from None
    return module


def _parameter_names(graph: Graph) -> list[str]:
    """Printable names of the inputs that differ from all node names."""
    supply = NameSupply()
    for node in graph.nodes:
        supply.distinct(node.name)
    return [supply.unique(name, f"input_{i}") for i, name in enumerate(graph.inputs)]


def _rename(function: relax.Function, node_of: dict[Any, str], parameters: list[str]) -> relax.Function:
    names: dict[Any, str] = {}
    supply = NameSupply()
    for name in (*node_of.values(), *parameters):
        supply.distinct(name)
    pending: list[tuple[Any, str]] = []
    for block in function.body.blocks:
        for binding in block.bindings:
            variable, value = binding.var, binding.value
            if variable in node_of:
                names.update({before: supply.distinct(f"{node_of[variable]}_{op}") for before, op in pending})
                names[variable] = node_of[variable]
                pending = []
            elif isinstance(value, relax.TupleGetItem) and value.tuple_value in names:
                names[variable] = supply.distinct(f"{names[value.tuple_value]}_{value.index}")
            elif isinstance(variable, relax.DataflowVar):
                pending.append((variable, _operator_name(value)))
    return _Renamer(names, dict(zip(function.params, parameters, strict=True))).visit_expr(function)


def _operator_name(value: Any) -> str:
    if isinstance(value, tvm.ir.Call) and isinstance(value.op, tvm.ir.Op):
        return str(value.op.name).rsplit(".", maxsplit=1)[-1]
    return "value"


@relax.expr_functor.mutator
class _Renamer(relax.PyExprMutator):  # type: ignore[misc]
    """Replaces variables by ones of another name."""

    def __init__(self, names: dict[Any, str], parameters: dict[Any, str]) -> None:
        super().__init__()
        self.names = {**names, **parameters}

    def visit_var_def_(self, var: Any) -> Any:
        return self._renamed(var)

    def visit_dataflow_var_def_(self, var: Any) -> Any:
        return self._renamed(var)

    def _renamed(self, var: Any) -> Any:
        name = self.names.get(var)
        if name is None or name == var.name:
            return var
        new = type(var)(name, var.ty)
        self.set_var_remap(var, new)
        return new
