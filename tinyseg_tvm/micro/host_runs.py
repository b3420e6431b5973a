"""The firmware's own C as a process of this computer that takes thousands of vectors, and several of them at once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyseg_tvm.boards import load_board
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.build import Variant, build_program
from tinyseg_tvm.micro.execution import execute
from tinyseg_tvm.micro.faults import check_exit
from tinyseg_tvm.micro.host import Host
from tinyseg_tvm.micro.library import Library
from tinyseg_tvm.micro.model_layout import device_vector, model_vector
from tinyseg_tvm.micro.storages import Emulation
from tinyseg_tvm.micro.transports.choice import PROCESS, Transport
from tinyseg_tvm.micro.vectors import Vector, encode_vectors, prepare_folder, read_outputs, read_report
from tinyseg_tvm.network import Network

HOST = "host"


class HostProgram:
    """A project's network, kernels and driver, compiled for this computer; every project has the port for it.

    Results are those of the board's firmware to the last byte, for kernels give the same bits on every core.
    """

    def __init__(self, directory: Path, library: Library, ports: Network, jobs: int = 1) -> None:
        """Builds it.

        Args:
            directory: the project's.
            library: the network's.
            ports: of ``stated_ports``.
            jobs: compilers that run at the same time.

        Raises:
            UsageError: a network with states, whose vectors are no samples but a sequence.
            TinySegError: make or the compiler are missing or fail.
        """
        if library.states:
            raise UsageError(
                f"'{library.name}' has states across inferences: its vectors are a sequence, and it cannot run on "
                "samples that are independent; use 'tinyseg run'"
            )
        self._library, self._ports, self._machine = library, ports, Host()
        self._board = load_board(HOST)
        self._elf = build_program(directory, library.name, self._machine, self._board, Variant(), jobs)

    def run(self, vectors: Sequence[Vector], timeout: float) -> list[tuple[np.ndarray, ...]]:
        """The model's outputs for its inputs, by one process; may be called from several threads at once.

        Args:
            vectors: one array of the model's shape and type per input port each.
            timeout: seconds that the process may take.

        Raises:
            UsageError: an array that is no input of the model.
            DeviceFaultError: the process was ended by a signal.
            TinySegError: the network returned a status other than 0, or the time is over.
        """
        on_device = [device_vector(self._ports, index, arrays) for index, arrays in enumerate(vectors)]
        encoded = encode_vectors(self._library, on_device)
        with tempfile.TemporaryDirectory(prefix="tinyseg-") as name:
            folder = Path(name, "run")
            prepare_folder(folder, encoded)
            result = execute(
                self._machine,
                self._board,
                self._elf,
                folder,
                Transport(PROCESS),
                emulation=Emulation(),
                timeout=timeout,
            )
            status = check_exit(self._machine, result, self._machine.read_image(self._elf))
            done = dict(read_report(folder)).get("vectors", 0)
            if status or done != len(encoded):
                raise TinySegError(f"'{self._library.name}' stopped at vector {done - 1} with status {status}")
            return [model_vector(self._ports, outputs) for outputs in read_outputs(self._library, folder, done)]
