"""Any tensor program TVM can legalise: the long tail, one step over whole tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np

from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Opaque(Operator):
    """A TVM PrimFunc in destination-passing style: parameters are the inputs, then the results.

    Constants are the PrimFunc's parameters at ``constant_positions`` (ascending), named ``constant0``, ...
    in that order; the activation operands fill the other input positions. The reference result is that of
    the PrimFunc compiled for the machine the compiler runs on. Being floating point in the main, it is
    compared with the generated C by tolerance, not bit for bit.

    Attributes:
        label: what the program computes, for reports (``conv2d``, ``fused_gather_mean``).
        outputs: result types.
        constant_positions: parameter positions that take constants.
        prim_func: the ``tvm.tirx.PrimFunc``.
        overwritable: activation operands that the result may overwrite: every element is read only to compute
            the result's element at the same place.
    """

    kind: ClassVar[str] = "opaque"

    label: str
    outputs: tuple[TensorType, ...]
    constant_positions: tuple[int, ...]
    prim_func: Any = field(repr=False, compare=False)
    overwritable: tuple[int, ...] = ()

    def to_attributes(self) -> dict[str, Any]:
        """The fields as plain values; the PrimFunc as TVM's JSON."""
        import tvm

        return {
            "label": self.label,
            "outputs": [[list(kind.shape), kind.dtype] for kind in self.outputs],
            "constant_positions": list(self.constant_positions),
            "prim_func": tvm.ir.save_json(self.prim_func),
            "overwritable": list(self.overwritable),
        }

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Opaque:
        """The operator of ``to_attributes``'s values."""
        import tvm

        return cls(
            label=attributes["label"],
            outputs=tuple(TensorType(tuple(shape), dtype) for shape, dtype in attributes["outputs"]),
            constant_positions=tuple(attributes["constant_positions"]),
            prim_func=tvm.ir.load_json(attributes["prim_func"]),
            overwritable=tuple(attributes["overwritable"]),
        )

    @property
    def is_floating(self) -> bool:
        """Whether the program computes in floating point, if only in between."""
        return "float" in self.prim_func.script()

    @property
    def constant_names(self) -> tuple[str, ...]:
        """One name per constant parameter."""
        return tuple(f"constant{i}" for i in range(len(self.constant_positions)))

    def arguments(self, inputs: Sequence[Any], constants: Mapping[str, Any]) -> list[Any]:
        """The PrimFunc's input arguments in parameter order, from activations and named constants."""
        activations = iter(inputs)
        names = dict(zip(self.constant_positions, self.constant_names, strict=True))
        count = len(inputs) + len(names)
        return [constants[names[i]] if i in names else next(activations) for i in range(count)]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The result types recorded when the program was legalised."""
        expected = len(self.prim_func.params) - len(self.outputs)
        if len(inputs) + len(constants) != expected:
            raise ValueError(f"{self.label} takes {expected} operands, not {len(inputs) + len(constants)}")
        return self.outputs

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Run the PrimFunc, compiled by LLVM once per process."""
        import tvm

        results = [tvm.runtime.empty(t.shape, t.dtype) for t in self.outputs]
        arguments = [tvm.runtime.tensor(np.asarray(a, order="C")) for a in self.arguments(inputs, constants)]
        _compiled(self.prim_func)(*arguments, *results)
        return tuple(r.numpy() for r in results)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """One step reads everything and writes everything."""
        return LineAccess(
            steps=1,
            reads=tuple((tuple(range(t.lines)),) for t in inputs),
            writes=tuple((tuple(range(t.lines)),) for t in outputs),
            whole_reads=(True,) * len(inputs),
            whole_writes=(True,) * len(outputs),
        )

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """The whole result over a whole operand, for programs that work element by element."""
        return self.overwritable


@cache
def _compiled(prim_func: Any) -> Any:
    """The PrimFunc as a callable of TVM tensors."""
    import tvm

    module = tvm.IRModule({"main": prim_func.with_attr("global_symbol", "main")})
    return tvm.compile(module, target={"kind": "llvm"})["main"]
