"""The Tiny U-Net as a planning problem, with plans for it by a few lines of their own: material for report tests."""

from __future__ import annotations

from tinyseg_tvm.planner.plan import Block, Placement, Plan
from tinyseg_tvm.planner.problem import Access, Operator, Pool, Problem, Role, Tensor


def window(lines: int, kernel: int, count: int, stride: int = 1, pad: int = 0) -> tuple[tuple[int, ...], ...]:
    starts = (line * stride - pad for line in range(count))
    return tuple(tuple(i for i in range(start, start + kernel) if 0 <= i < lines) for start in starts)


def tiny_unet(height: int = 80, width: int = 120) -> Problem:
    tensors: list[Tensor] = []
    operators: list[Operator] = []

    def tensor(name, lines, line_bytes, role=Role.INTERNAL):
        tensors.append(Tensor(name, lines, line_bytes, role is not Role.INTERNAL, role))
        return len(tensors) - 1

    def each(number, count):
        return Access(number, tuple((line,) for line in range(count)))

    def conv(name, sources, level, channels, *, kernel=3, role=Role.INTERNAL):
        lines, pixels = height >> level, width >> level
        result = tensor(name, lines, pixels * channels, role)
        reads = tuple(Access(source, window(lines, kernel, lines, pad=kernel // 2)) for source in sources)
        operators.append(Operator(name, lines, reads, (each(result, lines),), scratch_bytes=kernel * 64, macs=1000))
        return result

    def pool(name, source, level, channels):
        lines, pixels = height >> level, width >> level
        result = tensor(name, lines, pixels * channels)
        reads = (Access(source, window(2 * lines, 2, lines, stride=2)),)
        operators.append(Operator(name, lines, reads, (each(result, lines),)))
        return result

    def up(name, source, level, channels):
        lines, pixels = height >> level, width >> level
        result = tensor(name, lines, pixels * channels)
        reads = (Access(source, tuple((line // 2,) for line in range(lines))),)
        operators.append(Operator(name, lines, reads, (each(result, lines),)))
        return result

    x, skips = tensor("image", height, width * 3, Role.RESIDENT_INPUT), []
    for level, channels in enumerate((8, 16, 32, 64)):
        if level:
            x = pool(f"pool{level}", x, level, channels // 2)
        x = conv(f"enc{level + 1}_conv1", [x], level, channels)
        x = conv(f"enc{level + 1}_conv2", [x], level, channels)
        skips.append(x)
    for level, channels in ((2, 32), (1, 16), (0, 8)):
        raised = up(f"up{level + 1}", x, level, channels // 2)
        x = conv(f"dec{level + 1}_conv1", [skips[level], raised], level, channels)
        x = conv(f"dec{level + 1}_conv2", [x], level, channels)
    conv("logits", [x], 0, 1, kernel=1, role=Role.RESIDENT_OUTPUT)
    return Problem(tuple(tensors), tuple(operators), (Pool("arena"),))


def layer_by_layer(problem: Problem) -> list[int]:
    return [number for number, operator in enumerate(problem.operators) for _ in range(operator.steps)]


def bump_plan(problem: Problem) -> Plan:
    """Layer by layer, every tensor and scratch at an address of its own."""
    top, placements, scratch = 0, [], []
    for tensor in problem.tensors:
        placements.append(Placement(0, tuple(top + line * tensor.line_bytes for line in range(tensor.lines))))
        top += tensor.lines * tensor.line_bytes
    for operator in problem.operators:
        scratch.append(Block(0, top) if operator.scratch_bytes else None)
        top += operator.scratch_bytes
    steps = tuple(layer_by_layer(problem))
    return Plan(steps, tuple(placements), (None,) * len(problem.operators), tuple(scratch), (top,))
