"""Names of models, nodes and tensors are data. Here they become C identifiers and C comments."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 48
_KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm
typeof"""
# a header of ours with such a name would hide the system's
_HEADERS = """assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal stdarg stdbool stddef
stdint stdio stdlib string tgmath time wchar wctype stdalign stdatomic stdnoreturn threads uchar
strings memory malloc alloca features unistd sched pthread poll"""
_RESERVED = frozenset(f"{_KEYWORDS} {_HEADERS} main port tinyseg perf".split())


def identifier(name: str, fallback: str = "unnamed") -> str:
    """A lower case C identifier that resembles ``name``: ASCII letters, digits and single underscores, at most 48.

    Not necessarily unique; see ``Names``.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    result = re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_")
    if len(result) > _LONGEST:  # the end of a path-like name tells more than its beginning
        result = result[-_LONGEST:].lstrip("_")
    if not result:
        result = fallback
    return f"n{result}" if result[0].isdigit() else result


def project_identifier(name: str) -> str:
    """The prefix of everything a project exports, and the name of its files: never a C keyword or standard header."""
    result = identifier(name, "network")
    return f"{result}_network" if result in _RESERVED else result


def comment_text(text: str, longest: int = 200) -> str:
    """``text`` made harmless inside a C comment: printable ASCII, one line, no comment end, trigraph or line splice."""
    printable = "".join(c if " " <= c <= "~" else "_" for c in text[:longest])
    return (
        printable.replace("*/", "* /")
        .replace("/*", "/ *")
        .replace("\\", "|")
        .replace("??", "? ?")
        .replace("??", "? ?")
        .rstrip()
    )


class Names:
    """Hands out identifiers, each once."""

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._taken = set(reserved)

    def unique(self, base: str) -> str:
        """``base``, with a number behind it where it was handed out before."""
        result, number = base, 2
        while result in self._taken:
            result = f"{base}_{number}"
            number += 1
        self._taken.add(result)
        return result
