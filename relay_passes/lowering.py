"""The order of all passes from an imported module to the lowered one: here and nowhere else.

The seams between them are checked in every build: see contracts.py. Passes that carry out decisions of the planner
follow in the order of compiler/decided_network.py.
"""

from __future__ import annotations

import tvm

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.relay_passes.checking import checked
from tinyseg_tvm.relay_passes.constant_results import constant_results
from tinyseg_tvm.relay_passes.contracts import IMPORTED, INTEGER, LOWERED
from tinyseg_tvm.relay_passes.eliminate_reshape import eliminate_reshape
from tinyseg_tvm.relay_passes.eliminate_transposes import eliminate_transposes
from tinyseg_tvm.relay_passes.expressed_sums import expressed_sums
from tinyseg_tvm.relay_passes.expressions import Module, Pass
from tinyseg_tvm.relay_passes.float_to_operators import float_to_operators
from tinyseg_tvm.relay_passes.fold_batch_norm import fold_batch_norm
from tinyseg_tvm.relay_passes.fold_constants import fold_constants
from tinyseg_tvm.relay_passes.fold_lookup import fold_lookup
from tinyseg_tvm.relay_passes.fold_pad import fold_pad
from tinyseg_tvm.relay_passes.fold_space_to_batch import fold_space_to_batch
from tinyseg_tvm.relay_passes.fuse_activation import fuse_activation
from tinyseg_tvm.relay_passes.fuse_pointwise import fuse_pointwise
from tinyseg_tvm.relay_passes.io_type_quantized import io_type_quantized
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.lookup_tables import lookup_tables
from tinyseg_tvm.relay_passes.lower_data_movement import lower_data_movement
from tinyseg_tvm.relay_passes.normalize import normalize
from tinyseg_tvm.relay_passes.propagate_quantization import propagate_quantization
from tinyseg_tvm.relay_passes.qdq_to_integer import qdq_to_integer
from tinyseg_tvm.relay_passes.quantize_borders import quantize_borders
from tinyseg_tvm.relay_passes.record_quantization import record_quantization
from tinyseg_tvm.relay_passes.reduce_whole_maps import reduce_whole_maps
from tinyseg_tvm.relay_passes.remove_unused_channels import remove_unused_channels
from tinyseg_tvm.relay_passes.tflite_to_operators import tflite_to_operators
from tinyseg_tvm.relay_passes.to_network import to_network
from tinyseg_tvm.relay_passes.virtual_concat import virtual_concat

IO_TYPES = ("model", "quantized")

INTEGER_PASSES = (
    fold_space_to_batch,
    tflite_to_operators,
    normalize,
    fold_constants,
    fold_batch_norm,
    propagate_quantization,
    fold_constants,
    lookup_tables,
    qdq_to_integer,
    expressed_sums,
    fuse_activation,
    quantize_borders,
    float_to_operators,
    fold_constants,
)
"""The first half: from imported operators to those of the numeric contract, between transposes."""

LAYOUT_PASSES = (
    lower_data_movement,
    eliminate_transposes,
    fold_lookup,
    io_type_quantized,  # with io_type "quantized" alone
    eliminate_reshape,
    fold_pad,
    reduce_whole_maps,
    virtual_concat,
    fuse_pointwise,
    legalize_long_tail,
    constant_results,
)
"""The second half: from operators between transposes to a module that ``to_network`` reads."""

ANNOTATIONS = (record_quantization,)
"""Passes that read the lowered form as a network, and add attributes to it alone."""


def integer_pipeline() -> Pass:
    """The passes of the first half, in order, between the checks of what comes in and what goes out.

    The pipeline raises TinySegError where a contract is broken.
    """
    passes = (checked(IMPORTED), *INTEGER_PASSES, checked(INTEGER, INTEGER_PASSES))
    return tvm.transform.Sequential(passes, name="tinyseg.integer_pipeline")


def layout_pipeline(io_type: str = "model", *, keep_dead: bool = False) -> Pass:
    """The passes of the second half, in order, the check of what they lead to, and the annotations of that.

    Args:
        io_type: "model" keeps the model's element types at the edges; "quantized" makes them one byte.
        keep_dead: whether channels stay that have no part in the results.

    Raises:
        UsageError: another ``io_type``.
    """
    if io_type not in IO_TYPES:
        raise UsageError(f"the I/O type is one of {', '.join(IO_TYPES)}, not {io_type!r}")
    passes = [step for step in LAYOUT_PASSES if step is not io_type_quantized or io_type == "quantized"]
    last = () if keep_dead else (remove_unused_channels, checked(LOWERED, (remove_unused_channels,)))
    sequence = [*passes, checked(LOWERED, passes), *ANNOTATIONS, *last]
    return tvm.transform.Sequential(sequence, name="tinyseg.layout_pipeline")


def lower(module: Module, io_type: str = "model", name: str = "network") -> Network:
    """The lowered network of an imported module, with channels that have no part in the results.

    Args:
        module: as imported by ``tinyseg_tvm.frontend``.
        io_type: see ``layout_pipeline``.
        name: the network's name.
    """
    return to_network(layout_pipeline(io_type, keep_dead=True)(integer_pipeline()(module)), name)
