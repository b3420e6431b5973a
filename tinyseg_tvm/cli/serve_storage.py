"""Serve storage to a board over a serial line or a socket.

A network compiled with --storage uart keeps its spilled tensors in this program's memory. Ends with Ctrl-C. At a socket
several clients are served, each with a memory of its own; without a host in HOST:PORT (":7000") it is this computer's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """examples:
  tinyseg serve-storage /dev/ttyUSB0 --baud 921600
  tinyseg serve-storage build/mps2_an386/run/storage.sock
  tinyseg serve-storage :7000 --capacity 4M --token-file secret.txt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("line", metavar="LINE", help="serial device, HOST:PORT, or path of a Unix socket to listen at")
    parser.add_argument("--baud", type=int, default=921600, metavar="N", help="speed of a serial device (921600)")
    parser.add_argument("--capacity", default="16M", metavar="SIZE", help="bytes that are served (16M)")
    parser.add_argument(
        "--patience", type=float, default=600.0, metavar="SECONDS", help="silence after which a client is dropped (600)"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="clients of a socket must first send its first line"
    )
    parser.add_argument("--once", action="store_true", help="end when the first connection to a socket ends")


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    from tinyseg_tvm.boards import parse_size
    from tinyseg_tvm.errors import UsageError
    from tinyseg_tvm.micro.remote_storage import Server, listen, open_serial
    from tinyseg_tvm.micro.storage_server import StorageServer

    capacity = parse_size(arguments.capacity)
    if not 0 < capacity < 1 << 32:
        raise UsageError(f"--capacity {arguments.capacity}: must be between 1 byte and 4 GiB")
    if not 0 < arguments.patience < 1e9:
        raise UsageError(f"--patience {arguments.patience:g}: must be more than 0 seconds")
    token = _token(arguments.token_file) if arguments.token_file else b""
    server = Server(capacity=capacity)
    if arguments.line.startswith("/dev/"):
        if token:
            raise UsageError("--token-file: clients of a socket have tokens, a serial line has not")
        server.serve(open_serial(arguments.line, arguments.baud))
    else:
        clients = StorageServer(capacity, arguments.patience, token)
        with listen(arguments.line) as listening:
            clients.serve(listening, arguments.once)
        server = clients.total
    print(f"{server.reads} reads, {server.writes} writes, {server.damaged} damaged requests")
    return 0


def _token(path: Path) -> bytes:
    """The first line of a file."""
    from tinyseg_tvm.errors import UsageError
    from tinyseg_tvm.given import read_regular

    token = read_regular(path).partition(b"\n")[0].strip()
    if not 16 <= len(token) <= 256:
        raise UsageError(f"--token-file {path}: its first line has {len(token)} characters, must have 16 to 256")
    return token
