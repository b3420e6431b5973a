"""The order in which the ONNX rewrites run."""

from __future__ import annotations

from tinyseg_tvm.frontend.contributed import expand_contributed
from tinyseg_tvm.frontend.control_flow import expand_control_flow
from tinyseg_tvm.frontend.finite_constants import check_finite_constants
from tinyseg_tvm.frontend.function_bodies import expand_functions
from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.inference import infer
from tinyseg_tvm.frontend.operator_support import (
    refuse_unknown_operators,
    refuse_unusable_types,
)
from tinyseg_tvm.frontend.rewrites.batch_normalization import fold_batch_normalization
from tinyseg_tvm.frontend.rewrites.group_normalization import expand_group_normalization, keep_pixels_of_groups
from tinyseg_tvm.frontend.rewrites.identities import remove_identities, spell_reshapes
from tinyseg_tvm.frontend.rewrites.integer_operators import expand_integer_operators
from tinyseg_tvm.frontend.rewrites.lp_normalization import expand_lp_normalization
from tinyseg_tvm.frontend.rewrites.old_forms import modernize
from tinyseg_tvm.frontend.rewrites.one_dimensional import widen_sequences
from tinyseg_tvm.frontend.rewrites.quantizers import canonicalize_quantizers, name_quantizers
from tinyseg_tvm.frontend.rewrites.recurrent import spell_recurrent
from tinyseg_tvm.frontend.rewrites.resizes import convert_resized_types, spell_resizes
from tinyseg_tvm.frontend.rewrites.signed import shift_to_signed
from tinyseg_tvm.frontend.rewrites.windows import spell_windows
from tinyseg_tvm.frontend.sequences import expand_sequences


def normalize(graph: Graph) -> None:
    """Bring the graph into the forms listed in the package's docstring.

    Raises:
        TinySegError: the model is broken, or some of its nodes are unsupported (all are listed).
    """
    expand_control_flow(graph)
    expand_sequences(graph)
    refuse_unknown_operators(graph)
    graph.raise_unsupported()
    name_quantizers(graph)
    infer(graph)
    check_finite_constants(graph)
    expand_group_normalization(graph)
    keep_pixels_of_groups(graph)
    expand_lp_normalization(graph)
    expand_contributed(graph)
    graph.raise_unsupported()
    infer(graph)
    modernize(graph)
    expand_functions(graph)
    expand_control_flow(graph)  # of functions' bodies, and functions in it
    expand_functions(graph)
    refuse_unknown_operators(graph)
    graph.raise_unsupported()
    canonicalize_quantizers(graph)
    infer(graph)
    spell_recurrent(graph)
    graph.raise_unsupported()
    infer(graph)
    refuse_unusable_types(graph)
    graph.raise_unsupported()
    remove_identities(graph)
    convert_resized_types(graph)
    infer(graph)
    shift_to_signed(graph)
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
