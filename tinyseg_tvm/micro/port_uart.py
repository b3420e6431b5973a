"""The files of tinyseg_tvm/micro/port/uart that a board with a serial line needs."""

from __future__ import annotations

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.port_files import PORT_FOLDER, read_port_file, render

FOLDER = "uart"  # of port/, and of the board's port folder
HEADER, PORT = "uart.h", "uart_port.c"
POLL_CYCLES = 24  # of a poll for a byte, about
PATIENCE_SECONDS = 1  # until a request is repeated


def uart_drivers() -> tuple[str, ...]:
    """Names of the drivers there are."""
    return tuple(sorted(path.stem for path in (PORT_FOLDER / FOLDER).glob("*.c") if path.name != PORT))


def uart_files(board: Board) -> dict[str, bytes]:
    """Port, driver and constants of a board's serial line, by name in the board's port folder.

    Raises:
        TinySegError: there is no such driver.
    """
    assert board.uart is not None
    driver = board.uart.driver
    if driver not in uart_drivers():
        known = ", ".join(uart_drivers())
        raise TinySegError(f"the board '{board.name}': uart.driver is '{driver}', must be one of {known}")
    files = {name: read_port_file(f"{FOLDER}/{name}") for name in (HEADER, PORT, f"{driver}.c")}
    values = {"board": board, "patience": board.clock_hz * PATIENCE_SECONDS // POLL_CYCLES}
    files["uart_board.h"] = render(f"{FOLDER}/uart_board.h.jinja", values)
    return {f"{FOLDER}/{name}": data for name, data in files.items()}
