"""What the emitters of Spill and Fetch share: the parameters of a stored tensor, and the call."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.operators import Fetch, Operator, Spill
from tinyseg_tvm.operators.line_codecs import pixel_bytes
from tinyseg_tvm.operators.stored_records import NO_CODEC, Records

CALL_CYCLES = 120  # of a line, whatever its length
CYCLES_PER_BYTE = 6  # check sum and copy (benchmarks/line_codecs.py)
CODEC_CYCLES_PER_BYTE = 12


def step_cycles(line_bytes: int, codec: str) -> int:
    """Estimated cycles of a step without waiting."""
    per_byte = CYCLES_PER_BYTE + (0 if codec == NO_CODEC else CODEC_CYCLES_PER_BYTE)
    return CALL_CYCLES + per_byte * line_bytes


def storage_call(
    view: NodeView[Operator],
    out: FunctionWriter,
    records: Records,
    *,
    function: str,
    line: str,
    data: str,
    lengths: str,
) -> list[str]:
    """Statements that move ``line`` (of the stored part) from or to ``data``."""
    operator = view.operator
    assert isinstance(operator, Spill | Fetch)
    assert out.stored is not None
    out.modules |= {"tinyseg_spill", "tinyseg_storage", "tinyseg_crc32"}
    codec = "NULL"
    if operator.codec != NO_CODEC:
        out.modules.add(f"tinyseg_codec_{operator.codec}")
        codec = f"&tinyseg_codec_{operator.codec}"
    places = operator.ring if isinstance(operator, Spill) else operator.places
    parameters = out.parameters(
        view,
        "tinyseg_stored",
        {
            "codec": codec,
            "base": out.stored.base,
            "identity": out.stored.identity,
            "line_bytes": records.line_bytes,
            "pixel_bytes": pixel_bytes(view.inputs[0]),
            "record_bytes": records.record_bytes,
            "block_bytes": records.block,
            "unit_bytes": records.unit_bytes,
            "lines": records.lines,
            "group": records.group,
            "places": min(places, records.count),
            "ahead": min(operator.ahead, 255) if isinstance(operator, Fetch) else 0,
        },
    )
    storage = f"context->io.storage[{out.stored.storage}]"
    return [
        f"const tinyseg_storage_status status = {function}(",
        f"    {parameters}, {storage}, {line}, {data}, {out.state_as('uint8_t')}, {lengths});",
        "if (status != TINYSEG_STORAGE_OK) {",
        "    return STORAGE_FAILED(status);",
        "}",
    ]
