"""Both halves of the passes in order, and the network they lead to."""

from __future__ import annotations

from typing import Any

import tvm

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.relay_passes.annotate_liveness import annotate_liveness
from tinyseg_tvm.relay_passes.eliminate_reshape import eliminate_reshape
from tinyseg_tvm.relay_passes.eliminate_transposes import eliminate_transposes
from tinyseg_tvm.relay_passes.fold_lookup import fold_lookup
from tinyseg_tvm.relay_passes.fold_pad import fold_pad
from tinyseg_tvm.relay_passes.io_type_quantized import io_type_quantized
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.lower_data_movement import lower_data_movement
from tinyseg_tvm.relay_passes.reduce_whole_maps import reduce_whole_maps
from tinyseg_tvm.relay_passes.to_network import to_network
from tinyseg_tvm.relay_passes.virtual_concat import virtual_concat

IO_TYPES = ("model", "quantized")


def layout_pipeline(io_type: str = "model") -> Any:
    """The second half: from integer operators between transposes to a module that ``to_network`` reads.

    Args:
        io_type: "model" keeps the model's element types at the edges; "quantized" makes them one byte.

    Raises:
        UsageError: another ``io_type``.
    """
    if io_type not in IO_TYPES:
        raise UsageError(f"the I/O type is one of {', '.join(IO_TYPES)}, not {io_type!r}")
    passes = [lower_data_movement, eliminate_transposes, fold_lookup]
    if io_type == "quantized":
        passes.append(io_type_quantized)
    passes += [eliminate_reshape, fold_pad, reduce_whole_maps, virtual_concat, legalize_long_tail, annotate_liveness]
    return tvm.transform.Sequential(passes, name="tinyseg.layout_pipeline")


def lower(module: tvm.IRModule, io_type: str = "model", name: str = "network") -> Network:
    """The lowered network of an imported module.

    Args:
        module: as imported by ``tinyseg_tvm.frontend``.
        io_type: see ``layout_pipeline``.
        name: the network's name.
    """
    from tinyseg_tvm.relay_passes import integer_pipeline

    return to_network(layout_pipeline(io_type)(integer_pipeline()(module)), name)
