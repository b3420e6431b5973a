"""What metadata.json and project.json of a project may state: whoever gives a project wrote them."""

from __future__ import annotations

from tinyseg_tvm.boards.rules import IDENTIFIER, STORAGE_NAME
from tinyseg_tvm.given import Flag, Integer, Listed, Named, Nullable, Number, Rule, Table, Text

COUNT = Integer(0, (1 << 63) - 1)
EXTENTS = Listed(Integer(0, (1 << 31) - 1), 64)
TYPES = Text(16, "u?int(8|16|32|64)|b?float16|float(32|64)|bool", "the characters of int8, uint8, ..., float32 or bool")
FILE_NAME = Text(64, "[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, '_', '-' and '.' (a file's name, no path)")
ANY_TEXT = Text(4096, printable=False)  # names of a model's file, which are shown and go nowhere else

_OF_PORT: dict[str, Rule] = {
    "name": ANY_TEXT,
    "tensor": ANY_TEXT,
    "shape": EXTENTS,
    "dtype": TYPES,
    "scale": Nullable(Number(0.0, 1e39)),
    "zero_point": Nullable(Integer(-(1 << 31), (1 << 31) - 1)),
    "model_shape": EXTENTS,
    "model_dtype": TYPES,
    "permutation": Listed(Integer(0, 63), 64),
    "quantized": Flag(),
}
PORT = Table(_OF_PORT, tuple(_OF_PORT))
SYMBOLS = Listed(Text(200, "[A-Za-z0-9_]+", "letters, digits and '_'"))
METADATA: Rule = Table(
    {
        "name": IDENTIFIER,
        "inputs": Listed(PORT, 4096),
        "outputs": Listed(PORT, 4096),
        "memory": Table({"context_bytes": Integer(), "pools": Listed(Table({"name": ANY_TEXT}, ("name",)), 64)}),
        "storages": Listed(Table({"name": STORAGE_NAME}, ("name",)), 64),
        "fast": Listed(
            Table(
                {
                    "memory": Text(32, "[A-Z][A-Z0-9_]*", "capital letters, digits and '_'"),
                    "bytes": Integer(),
                    "modules": SYMBOLS,
                    "functions": SYMBOLS,
                    "weights": SYMBOLS,
                },
                ("memory", "bytes"),
            ),
            64,
        ),
        "promised": Table({"macs": COUNT, "recomputed_macs": COUNT}, ("macs", "recomputed_macs")),
    }
)
PROJECT: Rule = Table(
    {
        "board": IDENTIFIER,
        "qemu_arguments": Listed(Text(4096), 256),
        "images": Named(FILE_NAME, Integer(0, 1 << 40)),
    },
    ("board",),
)
FOLDERS = ("Makefile", "build", "include", "metadata.json", "port", "runtime", "src", "tests", "weights")
"""What of a project is read, written or built, and so looked through for symbolic links that lead out of it."""
