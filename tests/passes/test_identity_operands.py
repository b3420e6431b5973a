"""A result may overwrite an operand only where every element is read for its own place alone."""

import pytest
from tvm import relax

from tests.passes.layout_modules import main
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.to_network import to_network

INPUTS = {"x": ((4, 4), "float32"), "y": ((4, 4), "float32"), "row": ((4,), "float32")}


@pytest.mark.parametrize(
    ("build", "operands"),
    [
        (lambda x, y, row: relax.op.nn.relu(x), (0,)),
        (lambda x, y, row: relax.op.add(x, y), (0, 1)),
        (lambda x, y, row: relax.op.add(row, x), (1,)),
        (lambda x, y, row: relax.op.multiply(relax.const(2.0), y), (0,)),
        (lambda x, y, row: relax.op.permute_dims(x), ()),
        (lambda x, y, row: relax.op.flip(x, 0), ()),
        (lambda x, y, row: relax.op.nn.softmax(x), ()),
        (lambda x, y, row: relax.op.matmul(x, y), ()),
        (lambda x, y, row: relax.op.astype(x, "int32"), ()),
    ],
    ids=["unary", "binary", "broadcast", "constant", "transpose", "flip", "softmax", "matmul", "type"],
)
def test_operands_that_may_be_overwritten(build, operands):
    network = to_network(legalize_long_tail(main(INPUTS, lambda b, *params: b.relax(build(*params)))))
    (node,) = network.nodes
    assert node.operator.in_place(network.input_types(node), network.output_types(node)) == operands
