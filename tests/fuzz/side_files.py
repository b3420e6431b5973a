"""Mutations of the files beside a model: descriptions, records, what a project states of itself, arrays."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

TEXTS = (
    *("", "a", "../../x", "/etc/passwd", "$(shell touch PWNED)", "`id`", "a\nb := c", "\x1b[2J", "\0", "*/", "'", '"'),
    *("%n%s", "host", "ORIGIN", "x" * 5000, "\ud800", "\u202e", "-1", "nan", "{elf}", "a,b", "a=b", "é", "²"),
)
NUMBERS = (0, 1, -1, 3, 255, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, 1 << 200, 0.5, -0.0, 1e308, 1e-320)
VALUES: tuple[Any, ...] = (*TEXTS, *NUMBERS, True, None, [], {}, [[]], [1, "a"], {"a": 1})
WORDS = (
    "nan",
    "inf",
    "-inf",
    "true",
    "[]",
    "{}",
    "[[[[]]]]",
    "[" * 3000,
    "9" * 5000,
    "1979-05-27",
    "'''",
    '"""\nX := 1\n"""',
)
NOISE = (b"\0", b"\xff\xfe", b"\n", b"[", b'"', b"=", b"\x80", b"{", b"-", b"9" * 40)


def mutated_toml(data: bytes, rng: random.Random) -> bytes:
    """A TOML text with values, lines or bytes changed."""
    if rng.random() < 0.3:
        return mutated_bytes(data, rng)
    lines = data.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(lines))
        kind = rng.random()
        key, equals, _ = lines[place].partition("=")
        if equals and kind < 0.7:
            lines[place] = f"{key}= {_toml_value(rng)}"
        elif kind < 0.8:
            del lines[place]
            lines = lines or [""]
        elif kind < 0.9:
            lines.insert(rng.randrange(len(lines)), lines[place])
        else:
            lines[place] = re.sub(r"[a-z]", lambda _: rng.choice("xyz_."), lines[place], count=2)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _toml_value(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(WORDS)
    value = rng.choice(VALUES)
    return "''" if value is None or isinstance(value, dict) else json.dumps(value)


def mutated_json(data: bytes, rng: random.Random) -> bytes:
    """A JSON text with values, keys or bytes changed."""
    if rng.random() < 0.2:
        return mutated_bytes(data, rng)
    content = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = [place for place in _places(content) if place]
        if not places:
            return json.dumps(content).encode()
        *way, last = rng.choice(places)
        parent = content
        for key in way:
            parent = parent[key]
        kind = rng.random()
        if kind < 0.15:
            del parent[last]
        elif kind < 0.25 and isinstance(parent, dict):
            parent[rng.choice(TEXTS)] = parent.pop(last)
        else:
            parent[last] = rng.choice(VALUES)
    text = json.dumps(content)
    return text.replace("0.5", rng.choice(WORDS[:3] + WORDS[7:9])).encode()


def _places(content: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [()]
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        found += [(key, *rest) for rest in _places(value)]
    return found


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, put in, cut out or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        place = rng.randrange(len(changed) + 1)
        kind = rng.random()
        if kind < 0.4 and place < len(changed):
            changed[place] = rng.randrange(256)
        elif kind < 0.7:
            changed[place:place] = rng.choice(NOISE)
        elif kind < 0.9:
            del changed[place : place + rng.choice((1, 4, 40))]
        else:
            del changed[place:]
    return bytes(changed)


def mutated_npy(data: bytes, rng: random.Random) -> bytes:
    """A .npy file whose header or length lies."""
    if rng.random() < 0.4:
        return mutated_bytes(data, rng)
    text = rng.choice(
        (
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (-1, 3), }",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<U4', 'fortran_order': 0, 'shape': 5, }",
            "(" * 500,
            "__import__('os').system('true')",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 1.5), }",
            "{'descr': '<m8[ns]', 'fortran_order': False, 'shape': (0,), }",
        )
    )
    header = text.ljust(rng.choice((64, 117, 60_000))) + "\n"
    size = len(header).to_bytes(2, "little")
    return b"\x93NUMPY" + bytes([rng.choice((1, 2, 3, 9)), 0]) + size + header.encode() + data[128:]


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "toml": mutated_toml,
    "json": mutated_json,
    "npy": mutated_npy,
}
"""By the ending of a file's name."""
