"""Operators that ONNX defines in words alone, in terms of others: what its function bodies are for the rest.

A definition is a function of the graph and a node whose operands' types are inferred, where they can be. It returns the
nodes that stand for that one, or None where it has nothing to say of it: then the node stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyseg_tvm.frontend.definitions import (
    algebra,
    classical,
    normalizations,
    optimisers,
    quantizers,
    sampling,
    selection,
    signals,
)
from tinyseg_tvm.frontend.graph import Graph, Node

Rule = Callable[[Graph, Node], "list[Node] | None"]

ML = "ai.onnx.ml"
TRAINING = "ai.onnx.preview.training"

ALWAYS: dict[tuple[str, str], Rule] = {
    ("", "Col2Im"): sampling.col2im,
    ("", "Compress"): selection.compress,
    ("", "DFT"): signals.dft,
    ("", "DeformConv"): sampling.deform_conv,
    ("", "Det"): algebra.determinant,
    ("", "LpNormalization"): normalizations.lp_normalization,
    ("", "MaxUnpool"): sampling.max_unpool,
    ("", "OneHot"): selection.one_hot,
    ("", "ReverseSequence"): selection.reverse_sequence,
    ("", "STFT"): signals.stft,
    ("", "TensorScatter"): selection.tensor_scatter,
    ("", "TfIdfVectorizer"): classical.tf_idf_vectorizer,
    (ML, "ArrayFeatureExtractor"): classical.array_feature_extractor,
    (ML, "Binarizer"): classical.binarizer,
    (TRAINING, "Adagrad"): optimisers.adagrad,
    (TRAINING, "Adam"): optimisers.adam,
    (TRAINING, "Momentum"): optimisers.momentum,
}
"""Operators that are compiled in no other way, by domain and name."""

SOMETIMES: dict[tuple[str, str], Rule] = {
    ("", "BatchNormalization"): normalizations.batch_normalization,
    ("", "Concat"): selection.concat_without_empty_parts,
    ("", "DequantizeLinear"): quantizers.dequantize,
    ("", "Dropout"): normalizations.dropout,
    ("", "IsInf"): algebra.infinity_of_one_sign,
    ("", "MaxPool"): sampling.max_pool_with_indices,
    ("", "Mod"): algebra.modulo_of_floats,
    ("", "Pow"): algebra.power_of_types,
    ("", "QuantizeLinear"): quantizers.quantize,
    ("", "ReduceMax"): algebra.extreme_of_truths,
    ("", "ReduceMin"): algebra.extreme_of_truths,
    ("", "RoiAlign"): sampling.roi_align,
    ("", "Split"): selection.split_without_empty_parts,
}
"""Operators of which some forms are."""


def definition_of(graph: Graph, node: Node) -> list[Node] | None:
    """The nodes that ``node`` stands for; None where it stays.

    Raises:
        TinySegError: a form that cannot be compiled.
    """
    rule = ALWAYS.get((node.domain, node.op_type)) or SOMETIMES.get((node.domain, node.op_type))
    if rule is None or (node.op_type == "MaxPool" and not _is_read(graph, node.outputs[1:])):
        return None
    return rule(graph, node)


def _is_read(graph: Graph, names: list[str]) -> bool:
    read = {name for reader in graph.nodes for name in reader.inputs}.union(graph.outputs)
    return any(name in read for name in names if name)
