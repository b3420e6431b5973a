"""The function carries the life of every tensor."""

from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.operators import Elementwise
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.annotate_liveness import annotate_liveness

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))


def test_lives_and_cold_ranges_are_attached_by_binding_name():
    def build(b, x):
        skip = b(max_pool(), x, name="skip")
        inner = b(max_pool(1), skip, name="inner")
        return b(ADD, skip, b(max_pool(1), inner, name="deep"), name="sum")

    record = annotate_liveness(main({"x": ((1, 8, 8, 3), "int8")}, build))["main"].attrs["tinyseg.liveness"]
    tensors = record["tensors"]
    # skip 0..4 writes, inner 4..8 reads skip, deep 8..12 does not, sum 12..16 reads it again.
    assert record["steps"] == 16
    assert (tensors["skip"]["birth"], tensors["skip"]["death"]) == (0, 16)
    assert [tuple(int(c[k]) for k in ("begin", "end", "lines")) for c in tensors["skip"]["cold"]] == [(8, 12, 4)]
    assert (tensors["inner"]["birth"], tensors["inner"]["death"], len(tensors["inner"]["cold"])) == (4, 12, 0)
    assert tensors["x"]["line_bytes"] == 24
    assert int(record["peak"]["bytes"]) == sum(
        int(lines) * int(tensors[name]["line_bytes"]) for name, lines in record["peak"]["alive"].items()
    )
