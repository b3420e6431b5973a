"""Operators that stream take at most 1.3 times the RAM of a Relu in their place: a sample here, all in the command."""

from __future__ import annotations

import pytest
from operator_twins import Pair
from streaming_kinds import BAR, ratio
from streaming_kinds_pairs import PAIRS

from tinyseg_tvm.relay import BuildOptions

SAMPLED = (
    ("PRelu", "per channel, odd", "float"),
    ("behind a convolution", "GELU", "int8"),
    ("function of float", "Erf", "float"),
    ("normalisation, softmax, reduction", "LogSoftmax, axis 1", "int8"),
    ("normalisation, softmax, reduction", "Softmax, axis 2", "int8"),
    ("resize, QOperator", "linear x1.5", "int8"),
    ("normalisation in the model", "uint8 NHWC Div", "int8"),
    ("broadcast", "Mul (1, 1, 48)", "int8"),
    ("broadcast", "CBAM's spatial gate", "int8"),
    ("channels permuted", "shuffle of 4", "int8"),
    ("pads, constants, Split", "Pad reflect (3, 2, 2, 3)", "int8"),
    ("int16", "Sigmoid", "int16"),
    ("products, recurrent, com.microsoft", "attention", "int8"),
)


def pair_of(kind: str, name: str, values: str) -> Pair:
    (found,) = (pair for pair in PAIRS if (pair.kind, pair.name, pair.values) == (kind, name, values))
    return found


def test_pairs_have_names_of_their_own():
    assert len({(pair.kind, pair.name, pair.values) for pair in PAIRS}) == len(PAIRS)


@pytest.mark.release
@pytest.mark.parametrize("names", SAMPLED, ids=" ".join)
def test_an_operator_takes_little_more_ram_than_a_relu(names):
    found = ratio(pair_of(*names), BuildOptions(board="mps2_an386", objective="ram", io="line"))
    assert found[2] <= BAR
