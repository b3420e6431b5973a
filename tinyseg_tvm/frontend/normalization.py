"""The order in which the ONNX rewrites run."""

from __future__ import annotations

from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.inference import infer
from tinyseg_tvm.frontend.operator_support import (
    refuse_constant_outputs,
    refuse_unknown_operators,
    refuse_unusable_types,
)
from tinyseg_tvm.frontend.rewrites.batch_normalization import fold_batch_normalization
from tinyseg_tvm.frontend.rewrites.group_normalization import expand_group_normalization
from tinyseg_tvm.frontend.rewrites.identities import remove_identities, spell_reshapes
from tinyseg_tvm.frontend.rewrites.integer_operators import expand_integer_operators
from tinyseg_tvm.frontend.rewrites.old_forms import modernize
from tinyseg_tvm.frontend.rewrites.one_dimensional import widen_sequences
from tinyseg_tvm.frontend.rewrites.qoperators import expand_qoperators
from tinyseg_tvm.frontend.rewrites.quantizers import canonicalize_quantizers, name_quantizers
from tinyseg_tvm.frontend.rewrites.resizes import spell_resizes
from tinyseg_tvm.frontend.rewrites.signed import shift_to_int8
from tinyseg_tvm.frontend.rewrites.windows import spell_windows


def normalize(graph: Graph) -> None:
    """Bring the graph into the forms listed in the package's docstring.

    Raises:
        TinySegError: the model is broken, or some of its nodes are unsupported (all are listed).
    """
    refuse_unknown_operators(graph)
    graph.raise_unsupported()
    name_quantizers(graph)
    infer(graph)
    expand_group_normalization(graph)
    expand_qoperators(graph)
    graph.raise_unsupported()
    infer(graph)
    modernize(graph)
    canonicalize_quantizers(graph)
    infer(graph)
    refuse_unusable_types(graph)
    graph.raise_unsupported()
    remove_identities(graph)
    shift_to_int8(graph)
    expand_integer_operators(graph)
    spell_windows(graph)
    spell_resizes(graph)
    graph.raise_unsupported()
    infer(graph)
    fold_batch_normalization(graph)
    graph.raise_unsupported()
    widen_sequences(graph)
    spell_reshapes(graph)
    infer(graph)
    remove_identities(graph)
    infer(graph)
    refuse_unusable_types(graph)
    graph.raise_unsupported()
    refuse_constant_outputs(graph)
