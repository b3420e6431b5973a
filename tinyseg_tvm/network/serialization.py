"""A network as one file: JSON for its structure and NumPy arrays for its constants, in an .npz archive.

Generated projects carry it, so that the reference executor can be run again without the model's file. What a tensor is
derived from does not matter to that, and is left out.
"""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.given import shown
from tinyseg_tvm.network.network import Network, Node, Port, State, Tensor
from tinyseg_tvm.operators import OPERATORS, Operator, TensorType
from tinyseg_tvm.operators.opaque import Opaque

VERSION = 1
_STRUCTURE = "structure"
_OPERATORS: dict[str, type[Operator]] = {**OPERATORS, Opaque.kind: Opaque}


def dump_network(network: Network) -> bytes:
    """The network as bytes; equal networks give equal bytes."""
    arrays: dict[str, np.ndarray] = {}
    nodes = []
    for number, node in enumerate(network.nodes):
        arrays |= {f"{number}.{name}": value for name, value in node.constants.items()}
        nodes.append(
            {
                "name": node.name,
                "kind": node.operator.kind,
                "attributes": node.operator.to_attributes(),
                "inputs": node.inputs,
                "outputs": node.outputs,
                "constants": list(node.constants),
            }
        )
    structure = {
        "version": VERSION,
        "name": network.name,
        "tensors": [_tensor_fields(tensor) for tensor in network.tensors.values()],
        "nodes": nodes,
        "inputs": [dataclasses.asdict(port) for port in network.inputs],
        "outputs": [dataclasses.asdict(port) for port in network.outputs],
    }
    if network.states:
        arrays |= {f"state{number}": state.initial for number, state in enumerate(network.states)}
        structure["states"] = [
            {"name": s.name, "input": dataclasses.asdict(s.input), "output": dataclasses.asdict(s.output)}
            for s in network.states
        ]
    text = json.dumps(structure, sort_keys=True, separators=(",", ":"))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_STRUCTURE: np.frombuffer(text.encode(), np.uint8)}, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def load_network(data: bytes, where: str = "network") -> Network:
    """The network of ``dump_network``'s bytes.

    Raises:
        TinySegError: the bytes are damaged or of another version; ``where`` names their origin.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        structure = json.loads(arrays.pop(_STRUCTURE).tobytes())
        if structure["version"] != VERSION:
            raise TinySegError(f"{where}: written by another version of tinyseg; compile the model again")
        tensors = [_tensor(fields) for fields in structure["tensors"]]
        return Network(
            name=structure["name"],
            tensors={tensor.name: tensor for tensor in tensors},
            nodes=tuple(_node(number, fields, arrays) for number, fields in enumerate(structure["nodes"])),
            inputs=tuple(_port(fields) for fields in structure["inputs"]),
            outputs=tuple(_port(fields) for fields in structure["outputs"]),
            states=tuple(
                State(fields["name"], _port(fields["input"]), _port(fields["output"]), arrays[f"state{number}"])
                for number, fields in enumerate(structure.get("states", ()))
            ),
        )
    except TinySegError:
        raise
    except Exception as error:  # whatever a part of a damaged network is too much for
        raise TinySegError(f"{where}: damaged ({shown(str(error))}); compile the model again") from None


def _tensor_fields(tensor: Tensor) -> dict[str, Any]:
    fields = dataclasses.asdict(tensor)
    del fields["derived_from"]
    return fields


def _tensor(fields: dict[str, Any]) -> Tensor:
    kind = TensorType(tuple(fields["type"]["shape"]), fields["type"]["dtype"])
    return Tensor(fields["name"], kind, fields["scale"], fields["zero_point"])


def _port(fields: dict[str, Any]) -> Port:
    return Port(**{**fields, "model_shape": tuple(fields["model_shape"]), "permutation": tuple(fields["permutation"])})


def _node(number: int, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> Node:
    return Node(
        name=fields["name"],
        operator=_OPERATORS[fields["kind"]].from_attributes(fields["attributes"]),
        inputs=tuple(fields["inputs"]),
        outputs=tuple(fields["outputs"]),
        constants={name: arrays[f"{number}.{name}"] for name in fields["constants"]},
    )
