"""Serve storage to a board over a serial line or a socket.

A network compiled with --storage uart keeps its spilled tensors in this program's memory. Ends with Ctrl-C.
"""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  tinyseg serve-storage /dev/ttyUSB0 --baud 921600
  tinyseg serve-storage build/mps2_an386/run/storage.sock
  tinyseg serve-storage localhost:7000 --capacity 4M
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("line", metavar="LINE", help="serial device, HOST:PORT, or path of a Unix socket to listen at")
    parser.add_argument("--baud", type=int, default=921600, metavar="N", help="speed of a serial device (921600)")
    parser.add_argument("--capacity", default="16M", metavar="SIZE", help="bytes that are served (16M)")
    parser.add_argument("--once", action="store_true", help="end when the first connection to a socket ends")


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    from tinyseg_tvm.boards import parse_size
    from tinyseg_tvm.errors import UsageError
    from tinyseg_tvm.micro.remote_storage import Server, listen, open_serial

    capacity = parse_size(arguments.capacity)
    if not 0 < capacity < 1 << 32:
        raise UsageError(f"--capacity {arguments.capacity}: must be between 1 byte and 4 GiB")
    server = Server(bytearray(capacity))
    if arguments.line.startswith("/dev/"):
        server.serve(open_serial(arguments.line, arguments.baud))
    else:
        with listen(arguments.line) as listening:
            while True:
                connection, _ = listening.accept()
                with connection, connection.makefile("rwb", buffering=0) as stream:
                    server.serve(stream)
                if arguments.once:
                    break
    print(f"{server.reads} reads, {server.writes} writes, {server.damaged} damaged requests")
    return 0
