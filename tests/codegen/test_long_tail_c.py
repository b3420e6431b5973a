"""C that TVM's generator writes: plain functions, workspaces in the arena, results as the reference's."""

from __future__ import annotations

import numpy as np

from tests.codegen.harness import NetworkBuilder, assert_equal_to_reference, build, problem_of, spread_plan
from tinyseg_tvm.codegen.programs.long_tail import lower_program
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.opaque import Opaque


def normalised(shape: tuple[int, ...]):
    """tanh(|x| - sum) as a PrimFunc: libm, an intermediate buffer, fabs."""
    from tvm import te, topi

    x = te.placeholder(shape, "float32", name="x")
    y = topi.tanh(topi.subtract(topi.abs(x), topi.sum(x, axis=1, keepdims=True)))
    return te.create_prim_func([x, y])


def test_programs_are_plain_c_without_stack_buffers():
    program = lower_program(normalised((4, 300)))
    assert "TVM" not in program.source
    assert "#" not in program.source
    assert program.workspace_bytes > 0
    assert not [
        line for line in program.source.splitlines() if line.strip().startswith("float ") and "[" in line.split("=")[0]
    ]


def test_long_tail_operators_run_in_a_network(tmp_path):
    b = NetworkBuilder()
    x = b.input("x", TensorType((4, 300), "float32"), None, None)
    operator = Opaque("tanh_of_distance", (TensorType((4, 300), "float32"),), (), normalised((4, 300)))
    b.output(b.node("first", operator, [x]))
    b.output(b.node("second", operator, [b.nodes[0].outputs[0]]))
    network = b.build()
    problem = problem_of(network)
    assert all(o.scratch_bytes > 0 for o in problem.operators)
    program = build(network, problem, spread_plan(problem), tmp_path)
    assert "libm functions used: fabsf, tanhf" in program.files["src/net_tvm.c"].decode()
    assert_equal_to_reference(program, [np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)])
