"""Planning problems built by hand, with the line accesses of real networks, for tests that need no model file."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyseg_tvm.planner.problem import Access, Lines, Operator, Pool, Problem, Role, Tensor


@dataclass(frozen=True)
class Map:
    """A feature map in the making: tensor number and shape."""

    tensor: int
    height: int
    width: int
    channels: int

    @property
    def all(self) -> Lines:
        return tuple(range(self.height))


@dataclass
class Builder:
    """Adds layers one by one; ``io`` is "resident" or "line"."""

    io: str = "resident"
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)

    def map(
        self, name: str, height: int, width: int, channels: int, *, contiguous: bool = False, role: Role = Role.INTERNAL
    ) -> Map:
        self.tensors.append(Tensor(name, height, width * channels, contiguous, role))
        return Map(len(self.tensors) - 1, height, width, channels)

    def input(self, height: int, width: int, channels: int) -> Map:
        if self.io == "resident":
            return self.map("input", height, width, channels, contiguous=True, role=Role.RESIDENT_INPUT)
        x = self.map("input", height, width, channels)
        self.operators.append(Operator("source", height, (), (one_by_one(x),)))
        return x

    def output(self, x: Map) -> None:
        if self.io == "resident":
            tensor = self.tensors[x.tensor]
            self.tensors[x.tensor] = Tensor(tensor.name, tensor.lines, tensor.line_bytes, True, Role.RESIDENT_OUTPUT)
        else:
            self.operators.append(Operator(f"sink{len(self.operators)}", x.height, (one_by_one(x),), ()))

    def _windows(self, x: Map, lines: int, kernel: int, stride: int, *, top: int, dilation: int = 1) -> Access:
        return Access(
            x.tensor,
            tuple(
                tuple(y for k in range(kernel) if 0 <= (y := i * stride - top + k * dilation) < x.height)
                for i in range(lines)
            ),
        )

    def conv(
        self,
        name: str,
        pieces: list[Map],
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        scratch: int = 0,
        dilation: int = 1,
        depthwise: bool = False,
    ) -> Map:
        """Same padding."""
        height, width = -(-pieces[0].height // stride), -(-pieces[0].width // stride)
        y = self.map(name, height, width, channels)
        top = max((height - 1) * stride + (kernel - 1) * dilation + 1 - pieces[0].height, 0) // 2
        reads = tuple(self._windows(x, height, kernel, stride, top=top, dilation=dilation) for x in pieces)
        inputs = 1 if depthwise else sum(x.channels for x in pieces)
        macs = height * width * channels * kernel * kernel * inputs
        self.operators.append(Operator(name, height, reads, (one_by_one(y),), scratch_bytes=scratch, macs=macs))
        return y

    def depthwise(self, name: str, x: Map, stride: int = 1, scratch: int = 0) -> Map:
        return self.conv(name, [x], x.channels, 3, stride, scratch=scratch, depthwise=True)

    def pool(self, name: str, x: Map) -> Map:
        """2 x 2, stride 2."""
        y = self.map(name, x.height // 2, x.width // 2, x.channels)
        self.operators.append(Operator(name, y.height, (self._windows(x, y.height, 2, 2, top=0),), (one_by_one(y),)))
        return y

    def up(self, name: str, x: Map, channels: int) -> Map:
        """Transposed convolution 2 x 2, stride 2: one step makes one line."""
        y = self.map(name, x.height * 2, x.width * 2, channels)
        reads = Access(x.tensor, tuple((i // 2,) for i in range(y.height)))
        macs = y.height * y.width * channels * x.channels
        self.operators.append(Operator(name, y.height, (reads,), (one_by_one(y),), macs=macs))
        return y

    def add(self, name: str, a: Map, b: Map) -> Map:
        """Element-wise, may overwrite either operand."""
        y = self.map(name, a.height, a.width, a.channels)
        self.operators.append(
            Operator(name, a.height, (one_by_one(a), one_by_one(b)), (one_by_one(y),), in_place=((0, 0), (1, 0)))
        )
        return y

    def global_pool(self, name: str, x: Map) -> Map:
        """A reducer: takes lines as they come, writes after the last."""
        y = self.map(name, 1, 1, x.channels)
        writes = Access(y.tensor, ((),) * (x.height - 1) + ((0,),))
        self.operators.append(Operator(name, x.height, (one_by_one(x),), (writes,), state_bytes=4 * x.channels))
        return y

    def scale(self, name: str, x: Map, gate: Map) -> Map:
        """x * gate, in place of x."""
        y = self.map(name, x.height, x.width, x.channels)
        reads = (one_by_one(x), Access(gate.tensor, ((0,),) * x.height))
        self.operators.append(Operator(name, x.height, reads, (one_by_one(y),), in_place=((0, 0),)))
        return y

    def whole(self, name: str, x: Map, height: int, width: int, channels: int, *, in_place: bool = False) -> Map:
        """One step over whole tensors at consecutive addresses."""
        tensor = self.tensors[x.tensor]
        self.tensors[x.tensor] = Tensor(tensor.name, tensor.lines, tensor.line_bytes, True, tensor.role)
        y = self.map(name, height, width, channels, contiguous=True)
        pairs = ((0, 0),) if in_place else ()
        self.operators.append(
            Operator(name, 1, (Access(x.tensor, (x.all,)),), (Access(y.tensor, (y.all,)),), in_place=pairs)
        )
        return y

    def build(self, pools: tuple[Pool, ...] = (Pool("arena"),)) -> Problem:
        return Problem(tuple(self.tensors), tuple(self.operators), pools)


def one_by_one(x: Map) -> Access:
    return Access(x.tensor, tuple((i,) for i in range(x.height)))


def tiny_unet(height: int = 80, width: int = 120, base: int = 8, io: str = "resident") -> Problem:
    """TinySeg's Tiny U-Net; exchange height and width for column streaming."""
    b = Builder(io)
    x = b.input(height, width, 3)
    skips = []
    for level in range(4):
        channels = base << level
        x = b.conv(f"down{level}a", [x], channels)
        x = b.conv(f"down{level}b", [x], channels)
        if level < 3:
            skips.append(x)
            x = b.pool(f"pool{level}", x)
    for level in (2, 1, 0):
        channels = base << level
        x = b.up(f"up{level}", x, channels // 2)
        x = b.conv(f"up{level}a", [x, skips[level]], channels)
        x = b.conv(f"up{level}b", [x], channels)
    b.output(b.conv("head", [x], 1, 1))
    return b.build()


def mobilenet(size: int = 96, base: int = 8, io: str = "resident", scratch: int = 0) -> Problem:
    """MobileNetV1 with a classifier head."""
    b = Builder(io)
    x = b.conv("stem", [b.input(size, size, 3)], base, 3, 2)
    for i, (channels, stride) in enumerate(
        [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2), (32, 1)]
    ):
        x = b.depthwise(f"depthwise{i}", x, stride, scratch)
        x = b.conv(f"pointwise{i}", [x], base * channels, 1)
    b.output(b.conv("classes", [b.global_pool("mean", x)], 2, 1))
    return b.build()


def resnet(size: int = 32, base: int = 16, io: str = "resident") -> Problem:
    """ResNet-8: adds in place of a branch."""
    b = Builder(io)
    x = b.conv("stem", [b.input(size, size, 3)], base)
    for block, (channels, stride) in enumerate([(base, 1), (2 * base, 2), (4 * base, 2)]):
        y = b.conv(f"block{block}b", [b.conv(f"block{block}a", [x], channels, 3, stride)], channels)
        shortcut = b.conv(f"shortcut{block}", [x], channels, 1, stride) if stride > 1 else x
        x = b.add(f"add{block}", y, shortcut)
    b.output(b.conv("classes", [b.global_pool("mean", x)], 10, 1))
    return b.build()


def squeeze_excite(size: int = 24, channels: int = 16, io: str = "resident", blocks: int = 1) -> Problem:
    """Blocks of convolution, squeeze-and-excite gate, convolution; then a whole-tensor operator."""
    b = Builder(io)
    x = b.input(size, size, 3)
    for block in range(blocks):
        end = str(block) if block else ""
        x = b.conv(f"expand{end}", [x], channels)
        gate = b.conv(f"excite{end}", [b.conv(f"squeeze{end}", [b.global_pool(f"mean{end}", x)], 4, 1)], channels, 1)
        x = b.conv(f"project{end}", [b.scale(f"gated{end}", x, gate)], 4, 1)
    b.output(b.whole("flat", x, 1, 1, size * size * 4, in_place=True))
    return b.build()


def two_heads(size: int = 32, io: str = "resident") -> Problem:
    """Pyramid with dilated branches, top-down path and two outputs of different size."""
    b = Builder(io)
    c1 = b.conv("c1", [b.input(size, size, 3)], 8, 3, 2)
    c2 = b.conv("c2", [c1], 16, 3, 2)
    aspp = b.conv("join", [b.conv(f"atrous{d}", [c2], 8, 3, dilation=d) for d in (1, 2, 4)], 16, 1)
    b.output(b.conv("coarse", [aspp], 4, 1))
    top = b.conv("merge", [b.up("up", aspp, 8), c1], 8)
    b.output(b.conv("fine", [top], 4, 1))
    return b.build()
