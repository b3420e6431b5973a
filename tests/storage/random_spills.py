"""Random spills of random networks: which tensors, which of their lines or channels, for whom, where to, how coded."""

from __future__ import annotations

import numpy as np

from tests.codegen.harness import problem_of, streamed_plan
from tests.decided_networks import by_columns, with_channel_splits, with_spills
from tests.end_to_end.random_networks import random_network
from tests.end_to_end.shared_program import Entry
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.channels import divisible_channels
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.network.spilling import Medium, transfer_of
from tinyseg_tvm.operators.stored_records import CODECS
from tinyseg_tvm.planner.channel_split import ChannelSplit
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.planner.validator import validate

BLOCKS = {"bytes": 1, "pages": 32}  # the storages, and the sizes of their blocks
MOST_SPILLS = 5


def network_along_its_axis(seed: int) -> Network:
    """The seed's network, by columns where the seed is odd and the network can stream along them."""
    network = random_network(seed)
    if seed % 2:
        try:
            return by_columns(network)
        except TinySegError:
            pass
    return network


def split_network(network: Network, rng: np.random.Generator) -> Network:
    """One tensor in two parts along its channels, joined for some of its readers; often none."""
    names = [name for name, tensor in network.tensors.items() if divisible_channels(tensor.type) > 1]
    readers = {name: [node.name for node in network.nodes if name in node.inputs] for name in names}
    usable = [name for name in names if readers[name]]
    if not usable or rng.random() < 0.6:
        return network
    name = str(rng.choice(usable))
    of = divisible_channels(network.tensors[name].type)
    late = readers[name][int(rng.integers(0, len(readers[name]))) :]
    return with_channel_splits(network, [ChannelSplit(name, int(rng.integers(1, of)), of, tuple(late))])


def spilled_network(seed: int) -> tuple[Network, tuple[SpillDecision, ...]]:
    """The seed's network along a random axis, with up to five of its tensors spilled; none where it has no lines."""
    rng = np.random.default_rng([seed, 2])
    network = split_network(network_along_its_axis(seed), rng)
    outputs = {port.tensor for port in network.outputs}
    readers = {
        name: tuple(node.name for node in network.nodes if name in node.inputs)
        for name in network.tensors
        if name not in outputs
    }
    usable = [n for n, of in readers.items() if of and transfer_of(network.tensors[n].type, Medium("bytes"))]
    rng.shuffle(usable)
    decisions = []
    for name in sorted(usable[: int(rng.integers(1, MOST_SPILLS + 1))]):
        kind, of = network.tensors[name].type, readers[name]
        storage = str(rng.choice(list(BLOCKS)))
        medium = Medium(
            storage,
            BLOCKS[storage],
            str(rng.choice(CODECS)),
            ring=int(rng.integers(1, 4)),
            ahead=int(rng.integers(0, 4)),
            largest_record=int(rng.choice([0, 200])),
        )
        transfer = transfer_of(kind, medium)
        assert transfer is not None
        early = int(rng.integers(0, len(of)))
        late = tuple((reader,) for reader in of[early:]) if rng.random() < 0.5 else (of[early:],)
        first = int(rng.integers(0, kind.lines)) if rng.random() < 0.4 else 0
        lines = int(rng.integers(1, kind.lines - first + 1)) if first or rng.random() < 0.3 else 0
        decisions.append(SpillDecision(name, late, transfer, first, lines))
    slots, used = {}, dict.fromkeys(BLOCKS, 0)
    for decision in decisions:
        slots[decision.tensor] = used[decision.transfer.storage]
        used[decision.transfer.storage] += 1
    return with_spills(network, decisions, slots), tuple(decisions)


def planned(seed: int) -> Entry:
    """The seed's spilled network with random I/O and a validated plan: layer by layer, optimised, mostly any order."""
    rng = np.random.default_rng([seed, 3])
    network, _ = spilled_network(seed)
    io: IoMode = "line" if rng.random() < 0.5 else "resident"
    problem = problem_of(network, io)
    way = rng.random()
    if way < 0.1:
        plan = plan_layerwise(problem)
    else:
        plan = optimise(problem, effort=0.01) if way < 0.2 else streamed_plan(problem, rng)
    validate(problem, plan)
    return Entry(network, problem, plan, io)
