"""What is alive, and what may be overwritten in place, under an order of steps."""

from tinyseg_tvm.planner.liveness import lifetimes, peak_of
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.problem import Access, Operator, Problem, Role, Tensor
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import validate


def test_a_tensor_is_not_taken_whole_while_one_of_its_lines_has_an_heir_still_to_come():
    """x is read whole by ``flat`` (which may overwrite it) and line by line by ``copy`` (which may overwrite lines).

    The last line's reader comes last, and inherits it: then ``flat`` must not.
    """
    lines = tuple((i,) for i in range(4))
    tensors = (
        Tensor("x", 4, 8, contiguous=True),
        Tensor("y", 4, 8),
        Tensor("z", 1, 32, contiguous=True, role=Role.RESIDENT_OUTPUT),
    )
    operators = (
        Operator("source", 4, (), (Access(0, lines),)),
        Operator("copy", 4, (Access(0, lines),), (Access(1, lines),), in_place=((0, 0),)),
        Operator("flat", 1, (Access(0, ((0, 1, 2, 3),)),), (Access(2, ((0,),)),), in_place=((0, 0),)),
        Operator("sink", 4, (Access(1, lines),), ()),
    )
    problem = Problem(tensors, operators)
    table = step_table(problem)
    flat_in_between = (0, 0, 0, 0, 1, 1, 1, 2, 1, 3, 3, 3, 3)
    assert lifetimes(table, flat_in_between).whole_heirs == ()
    validate(problem, pack(table, flat_in_between))
    flat_last = (0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 3, 3)
    assert lifetimes(table, flat_last).whole_heirs == ((0, 2),)
    validate(problem, pack(table, flat_last))


def test_the_peak_is_the_first_slot_with_most_bytes_and_names_all_that_is_alive():
    """Slots: before, a writes x (8), b reads x and writes y (8 + 6, and 5 of scratch), c reads y; none is in place."""
    tensors = (Tensor("x", 1, 8), Tensor("unused", 1, 0), Tensor("y", 1, 6))
    operators = (
        Operator("a", 1, (), (Access(0, ((0,),)), Access(1, ((0,),)))),
        Operator("b", 1, (Access(0, ((0,),)), Access(1, ((0,),))), (Access(2, ((0,),)),), scratch_bytes=5),
        Operator("c", 1, (Access(2, ((0,),)),), ()),
    )
    peak = peak_of(lifetimes(step_table(Problem(tensors, operators)), (0, 1, 2)))
    assert (peak.slot, peak.bytes) == (2, 8 + 6 + 5)
    assert peak.tensors == {0: 8, 1: 0, 2: 6}
