"""Names and address functions of tensors, from the plan's placements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyseg_tvm.codegen.memories.addresses import AddressForm, address_form
from tinyseg_tvm.codegen.text.c_text import C_TYPES, c_array
from tinyseg_tvm.codegen.text.identifiers import Names, comment_text, identifier
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.planner.plan import Plan


@dataclass(frozen=True)
class TensorAddress:
    """The C address function of a tensor: ``function(context, line)`` gives the line's address."""

    function: str
    pool: str
    form: AddressForm
    comment: str

    @property
    def table(self) -> str:
        """Name of the offset table."""
        return f"{self.function}_offsets"

    @property
    def table_type(self) -> str:
        """C type of the table's elements."""
        return "" if self.form.table is None else C_TYPES[self.form.table.dtype.name]

    @property
    def table_text(self) -> str:
        """Initialiser of the table, empty where there is none."""
        return "" if self.form.table is None else c_array(self.form.table)

    @property
    def expression(self) -> str:
        """The byte offset in C."""
        return self.form.expression.format(table=self.table)

    @property
    def uses_line(self) -> bool:
        """Whether the offset depends on the line."""
        return "line" in self.form.expression


def pool_member(pool: int) -> str:
    """The context's member that points to a pool."""
    return "arena" if pool == 0 else f"pool{pool}"


def tensor_addresses(network: Network, plan: Plan) -> Mapping[str, TensorAddress]:
    """Address functions by tensor name. Tensors without lines or bytes in RAM have none."""
    names = Names()
    stored = {
        name: node.operator.stored_line_bytes
        for node in network.nodes
        for name in node.outputs
        if node.operator.stores_result
    }
    result = {}
    for (name, tensor), placement in zip(network.tensors.items(), plan.placements, strict=True):
        function = names.unique(f"line_of_{identifier(name, 'tensor')}")
        line_bytes = stored.get(name, tensor.type.line_bytes)
        if not placement.offsets or (name in stored and not line_bytes):
            continue
        form = address_form(placement.offsets)
        shape = "x".join(map(str, tensor.type.shape)) or "scalar"
        lines = f"{len(placement.offsets)} lines of {line_bytes} bytes"
        comment = comment_text(f"{name}: {tensor.type.dtype} {shape}, {lines}, {form.kind}")
        result[name] = TensorAddress(function, pool_member(placement.pool), form, comment)
    return result
