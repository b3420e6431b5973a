"""A program on the host that runs a network of two spilled tensors on a storage of its own, which may fail.

The program's C says what ``transfer`` does and includes ``spilling_program.h`` behind it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.codegen.harness import FLAGS, SANITIZE, write_project
from tests.storage.spilled_networks import library_files, small_unet, spilled

CODED: dict[str, Any] = {"codec": "delta", "block": 32, "ahead": 2, "ring": 2}
"""How tensors are spilled in blocks of code, far ahead."""

HEADER = r"""
static tinyseg_storage_status read_(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    (void)user;
    return transfer(false, offset, data, bytes);
}

static tinyseg_storage_status write_(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    (void)user;
    return transfer(true, offset, (uint8_t *)(uintptr_t)data, bytes);
}

static void plug_in(tinyseg_storage_status (*poll)(void *user), void (*cancel)(void *user))
{
    memset(&storage, 0, sizeof storage);
    storage.block_bytes = NET_STORAGE0_BLOCK;
    storage.capacity = NET_STORAGE0_BYTES;
    storage.patience = 200;
    storage.read = read_;
    storage.write = write_;
    storage.poll = poll;
    storage.cancel = cancel;
}

static bool right(void)
{
    return memcmp(arena + NET_OUTPUT0_OFFSET, expected, sizeof expected) == 0;
}

static void load(const char *name, uint8_t *data, size_t bytes)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL || fread(data, 1, bytes, file) != bytes) {
        exit(91);
    }
    fclose(file);
}
"""


def build_program(folder: Path, text: str, way: dict[str, Any], flags: Sequence[str] = ()) -> Path:
    """Compiles ``program`` in the folder.

    Args:
        folder: an empty one.
        text: of ``main.c``.
        way: how both tensors are spilled: fields of Spill.
        flags: of the compiler, beside the usual ones.
    """
    network = spilled(small_unet(), "skip0", ("join0",), **way)
    network = spilled(network, "skip1", ("join1",), slot=1, **way)
    files = library_files(network)
    write_project(files, folder)
    (folder / "main.c").write_text(text)
    (folder / "spilling_program.h").write_text(HEADER)
    sources = sorted(path for path in files if path.endswith(".c"))
    command = ["gcc", *FLAGS, *SANITIZE, *flags, "-Iinclude", "-Isrc", "-Iruntime", "main.c", *sources]
    subprocess.run([*command, "-lm", "-o", "program"], cwd=folder, check=True)
    return folder
