"""What a user should know of a plan beside its figures: sentences that name bytes and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.compiler.memory import promised_memory
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.program import plan_program
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network import Network, Node, Port
from tinyseg_tvm.network.channel_removal import Removed
from tinyseg_tvm.network.endless import window_makers
from tinyseg_tvm.network.images import image_of
from tinyseg_tvm.network.problem import line_access
from tinyseg_tvm.operators import Dequantize, Quantize
from tinyseg_tvm.operators.fetch import Fetch
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.operators.reshape import Reshape
from tinyseg_tvm.operators.spill import Spill
from tinyseg_tvm.operators.transpose import Transpose
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.report.memory import Kind, memory_map
from tinyseg_tvm.report.tables import kib

WORTH_SAYING = 0.01  # of the whole program's RAM
MUCH_OF_THE_TIME = 0.05  # of the estimated cycles
MOST_DETOURS = 8  # operators that are named
_OTHER = "use an operator that runs by line in its place"
_CONVERSIONS = (Quantize, Dequantize, Spill, Fetch)
_MOVES = (Transpose, Reshape)


def orientation(planned: Planned, situation: Situation, name: str) -> list[str]:
    """Says that ports carry the model's columns, and what rows cost. Nothing where they carry rows.

    Args:
        planned: the plan.
        situation: what it was made for.
        name: of the C library.
    """
    network = planned.network
    images = {port.name: image_of(network, port) for port in _ports(network)}
    ports = [port for port, image in images.items() if image is not None and image.columns]
    if not ports:
        return []
    if situation.options.io == "line":
        return [f"lines of {', '.join(ports)} are columns of the image, as --stream-axis columns asks for"]
    way = f"{name}_write_image() and {name}_read_image() take images by rows"
    cost = f"; --stream-axis rows takes {kib(planned.ram_by_rows)} or more" if planned.ram_by_rows else ""
    return [f"{', '.join(ports)} lie in the arena column by column: {way}{cost}"]


def half_ports(network: Network) -> list[str]:
    """Says which ports are floats of 16 bits in the model, for the program computes in float32."""
    said = []
    for kind in ("float16", "bfloat16"):
        ports = [port for port in _ports(network) if port.model_dtype == kind]
        types = sorted({network.tensors[port.tensor].type.dtype for port in ports})
        names = ", ".join(port.name for port in ports)
        said += [f"{names} are {kind} in the model, and carry {'/'.join(types)}"] if ports else []
    return said


def endless(planned: Planned, lowered: LoweredModule) -> list[str]:
    """Says what a round of an endless input is, and what is computed anew in each.

    Args:
        planned: the plan of a round.
        lowered: what it was made of.
    """
    network = planned.network
    if not network.endless:
        return []
    whole = (lowered.exchanged if planned.axis == "columns" else lowered).network
    (given,) = network.inputs
    lines = "columns" if given.exchanged else "lines"
    took = network.tensors[given.tensor].type.lines
    anew = whole.tensors[whole.inputs[0].tensor].type.lines
    gives = ", ".join(
        f"{network.tensors[port.tensor].type.lines} of {port.name} (the first {port.delay} of a stream are none)"
        for port in network.outputs
    )
    kept = kib(sum(state.initial.nbytes for state in network.states))
    share = f"{100 * network.macs / max(whole.macs, 1):.0f} % of the MACs of an input of {anew} {lines}"
    takes = f"a round takes {took} {lines} of {given.name}, and {share}; {kept} wait for the next one"
    made = [f"{takes}; it gives {gives}"]
    makers = window_makers(whole)
    if makers:
        named = ", ".join(makers[:MOST_DETOURS])
        made.append(
            f"{named} need more than lines around their own: from there on a window of {anew} {lines} of the input is "
            "computed anew in every round"
        )
    return made


def in_blocks(planned: Planned) -> list[str]:
    """Says what is computed in blocks of channels."""
    if not planned.blocks:
        return []
    named = ", ".join(f"{each.tensor} in {each.blocks} blocks" for each in planned.blocks[:MOST_DETOURS])
    more = f" and {len(planned.blocks) - MOST_DETOURS} others" if len(planned.blocks) > MOST_DETOURS else ""
    return [f"channels are computed block by block around {named}{more}; --whole-channels computes all at once"]


def removed(channels: Removed | None) -> list[str]:
    """Says which channels were left out, for they have no part in the results."""
    if channels is None:
        return []
    parts = (("weights", channels.weights, channels.all_weights), ("MACs", channels.macs, channels.all_macs))
    less = ", ".join(f"{100 * count / of:.0f} % of the {name}" for name, count, of in parts if count)
    return [
        f"{channels.channels:,} of {channels.all_channels:,} channels have no part in the results and are left out"
        + (f", with {less}" if less else "")
    ]


def has_float_ports(network: Network) -> bool:
    """Whether an input or output carries float32."""
    return any(network.tensors[port.tensor].type.dtype == "float32" for port in _ports(network))


def port_bytes(network: Network) -> int:
    """Bytes of all inputs and outputs."""
    return sum(network.tensors[port.tensor].type.bytes for port in _ports(network))


def float_ports(planned: Planned, quantized: LoweredModule | None, situation: Situation, total: int) -> list[str]:
    """Says what ``--io-type quantized`` would save, where it is worth a sentence.

    A plan with storage or recomputation takes long to find, and one whose kernels may use up the RAM takes as much of
    it: the bytes of the ports alone are compared then.

    Args:
        planned: the plan with the model's port types.
        quantized: the module with quantised ports; None where they would not be smaller.
        situation: what was planned for.
        total: bytes of the whole program as planned.
    """
    if quantized is None:
        return []
    others = {port.name: quantized.network.tensors[port.tensor].type.dtype for port in _ports(quantized.network)}
    changed = {
        port.name: others[port.name]
        for port in _ports(planned.network)
        if planned.network.tensors[port.tensor].type.dtype == "float32" and others[port.name] != "float32"
    }
    types = "/".join(sorted({*changed.values()}))
    what = f"{', '.join(changed)} carry float32: with --io-type quantized they carry {types}"
    options = situation.options
    if options.storage or options.max_recompute or options.kernels_use_up_ram:
        return [f"{what}, {kib(port_bytes(quantized.network))} in place of {kib(port_bytes(planned.network))}"]
    same_axis = replace(situation, options=replace(options, stream_axis=planned.axis))
    smaller = promised_memory(plan_program(quantized, same_axis), same_axis).total
    if total - smaller < WORTH_SAYING * total:
        return []
    return [f"{what}, and the program takes {kib(smaller)}, {kib(total - smaller)} less"]


def software_float(planned: Planned, quantized: LoweredModule | None, situation: Situation) -> list[str]:
    """Says what the conversions of float32 ports cost on a core without floating point unit, where that is much.

    Args:
        planned: the plan with the model's port types.
        quantized: the module with quantised ports; None where they would not be smaller.
        situation: what was planned for.
    """
    if quantized is None or situation.core.has_fpu:
        return []
    kept = {node.name for node in quantized.network.nodes}
    left_out = {
        node.name
        for node in planned.network.nodes
        if isinstance(node.operator, Quantize | Dequantize) and node.name not in kept
    }
    cycles = {operator.name: operator.cycles * operator.steps for operator in planned.problem.operators}
    share = sum(cycles[name] for name in left_out) / max(sum(cycles.values()), 1)
    if share < MUCH_OF_THE_TIME:
        return []
    return [
        f"{situation.core.name} has no floating point unit: converting float32 ports by software takes about "
        f"{100 * share:.0f} % of the cycles, which --io-type quantized saves"
    ]


def detours(planned: Planned, total: int) -> list[str]:
    """Names the operators that leave the integers of a quantised network or the lines, dearest first, and remedies.

    What an operator over whole maps adds is what its operands and results hold beyond a line of each; what a float32
    one by line adds is three quarters of the float32 bytes alive at once. Conversions, the moves into the layout of an
    operator that is named, and what adds less than a hundredth of the RAM are left out.

    Args:
        planned: the plan.
        total: bytes of the whole program as planned.
    """
    network, flow = planned.network, _Flow.of(planned.network)
    alive = _most_alive(planned)
    counted: set[str] = set()
    found: list[tuple[int, str, str]] = []
    for node in network.nodes:
        names = [name for name in (*node.inputs, *node.outputs) if network.tensors[name].type.lines > 1]
        floats = [name for name in names if network.tensors[name].type.dtype == "float32"]
        if isinstance(node.operator, _CONVERSIONS) or not names or flow.serves_a_program(node):
            continue
        if _takes_whole_maps(network, node):
            added, where = _whole_bytes(network, node, names), " over whole maps"
        elif flow.quantized:
            added, where = sum(3 * alive[name] // 4 for name in floats if name not in counted), " by line"
        else:
            continue
        counted.update(floats)
        if added >= WORTH_SAYING * total:
            kind = node.operator.label if isinstance(node.operator, Opaque) else node.operator.kind
            how = f"{node.name} ({kind}) runs{' in float' if floats else ''}{where}"
            found.append((added, how, flow.remedy(node) if floats else _OTHER))
    found.sort(key=lambda each: (-each[0], each[1]))
    sentences = [f"{how}: +{kib(added)}; {remedy}" for added, how, remedy in found[:MOST_DETOURS]]
    if rest := found[MOST_DETOURS:]:
        sentences.append(f"{len(rest)} more operators run so: +{kib(max(added for added, _, _ in rest))} at most each")
    return sentences


@dataclass(frozen=True)
class _Flow:
    """Who makes and reads the tensors of a network.

    Attributes:
        network: the network.
        makers: the node that makes a tensor.
        readers: the nodes that read a tensor.
    """

    network: Network
    makers: Mapping[str, Node]
    readers: Mapping[str, Sequence[Node]]

    @staticmethod
    def of(network: Network) -> _Flow:
        """The flow of a network."""
        readers: dict[str, list[Node]] = {name: [] for name in network.tensors}
        for node in network.nodes:
            for name in node.inputs:
                readers[name].append(node)
        return _Flow(network, {name: node for node in network.nodes for name in node.outputs}, readers)

    @property
    def quantized(self) -> bool:
        """Whether some tensor is quantised."""
        return any(tensor.scale is not None for tensor in self.network.tensors.values())

    def serves_a_program(self, node: Node) -> bool:
        """Whether a node only moves values into or out of the layout of a program over whole maps."""
        if not isinstance(node.operator, _MOVES):
            return False
        around = [self.makers.get(name) for name in node.inputs]
        around += [reader for name in node.outputs for reader in self.readers[name]]
        return any(other is not None and isinstance(other.operator, Opaque) for other in around)

    def remedy(self, node: Node) -> str:
        """How a node in float32 could be one of integers."""
        if any(tensor.type.dtype in ("int16", "uint16") for tensor in self.network.tensors.values()):
            return "quantise activations to 8 bits"
        if not self.quantized:
            return "an int8 network, or another operator in its place, runs by line"
        parts = []
        if any(self._is_float(name) and not self._comes_quantized(name) for name in node.inputs):
            parts.append("its operands")
        if any(self._is_float(name) and not self._goes_quantized(name) for name in node.outputs):
            parts.append("its result")
        return f"quantise {' and '.join(parts)}" if parts else f"it has no integer form here: {_OTHER}"

    def _is_float(self, name: str) -> bool:
        return self.network.tensors[name].type.dtype == "float32"

    def _comes_quantized(self, name: str) -> bool:
        """Whether a float32 tensor is a dequantised one."""
        maker = self.makers.get(name)
        if maker is not None and isinstance(maker.operator, _MOVES):
            return self._comes_quantized(maker.inputs[0])
        return maker is not None and isinstance(maker.operator, Dequantize)

    def _goes_quantized(self, name: str) -> bool:
        """Whether a float32 tensor is only read to be quantised."""
        readers = self.readers[name]
        return bool(readers) and all(
            self._goes_quantized(reader.outputs[0])
            if isinstance(reader.operator, _MOVES)
            else isinstance(reader.operator, Quantize)
            for reader in readers
        )


def _takes_whole_maps(network: Network, node: Node) -> bool:
    """Whether one step reads all lines of a map, and the result is a map or anybody's program."""
    reads = any(kind.lines > 1 for kind in network.input_types(node))
    makes = isinstance(node.operator, Opaque) or any(kind.lines > 1 for kind in network.output_types(node))
    return reads and makes and line_access(network, node).steps == 1


def _whole_bytes(network: Network, node: Node, names: Sequence[str]) -> int:
    """Bytes of the operands and results ``names`` beyond a line of each; a result may lie over an operand."""
    kinds = {name: network.tensors[name].type for name in names}
    inputs, outputs = network.input_types(node), network.output_types(node)
    shared = outputs[0].bytes - outputs[0].line_bytes if node.operator.in_place(inputs, outputs) else 0
    return sum(kind.bytes - kind.line_bytes for kind in kinds.values()) - shared


def _most_alive(planned: Planned) -> dict[str, int]:
    """Bytes of each tensor that are alive at once, at the most."""
    memory = memory_map(planned.problem, planned.plan)
    alive = dict.fromkeys(planned.network.tensors, 0)
    for owner in memory.owners:
        if owner.kind is Kind.TENSOR:
            alive[owner.name] = int(owner.live(memory.steps).max(initial=0))
    return alive


def _ports(network: Network) -> tuple[Port, ...]:
    return (*network.inputs, *network.outputs)
