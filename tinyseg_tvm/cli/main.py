"""The command line ``tinyseg``: one module per verb, results on stdout, logs on stderr.

Exit codes: 0 ok, 1 user error, 2 usage, 3 does not fit, 130 interrupted.

A verb's module is imported when it is the verb: help and small verbs need not wait for TVM.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import logging
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tinyseg_tvm import __version__
from tinyseg_tvm.errors import TinySegError

VERBS = (
    "quantize",
    "evaluate",
    "analyze",
    "compile",
    "tune",
    "sweep",
    "build",
    "run",
    "verify",
    "report",
    "flash",
    "ops",
    "boards",
    "serve-storage",
)
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it

TVM_PACKAGES = ("tvm", "tvm_ffi")
NO_TVM = (
    "Apache TVM is not installed: pip install apache-tvm==0.27.0.post1. Where there is no wheel of it (Intel Macs, "
    "Alpine), use the repository's Dockerfile"
)

EXAMPLES = """examples:
  tinyseg analyze model.onnx --board mps2_an386
  tinyseg compile model.onnx -o out --board mps2_an386 --ram 128K
  tinyseg run out --json
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_harmless(message))


def parser(verb: str = "") -> argparse.ArgumentParser:
    """The argument parser: every verb with its summary, and ``verb`` with its arguments."""
    top = _Parser(
        prog="tinyseg",
        description="Memory-optimal neural network inference for microcontrollers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"tinyseg {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        sub = verbs.add_parser(name, help=summary(name), formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == verb:
            module = importlib.import_module(f"tinyseg_tvm.cli.{_module_name(name)}")
            sub.description, sub.epilog = module.__doc__, module.EXAMPLES
            module.add_arguments(sub)
            sub.add_argument("-v", "--verbose", action="count", default=0, help="more about what is done, on stderr")
            sub.add_argument("-q", "--quiet", action="store_true", help="only errors on stderr, no progress")
            sub.set_defaults(run=module.run)
    return top


def summary(verb: str) -> str:
    """What a verb does: the first line of its module's docstring, read without importing the module."""
    source = Path(__file__).with_name(f"{_module_name(verb)}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].rstrip(".")


def _module_name(verb: str) -> str:
    return verb.replace("-", "_")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code. An interruption is one line, whatever is being imported or done."""
    try:
        return _run_verb(arguments)
    except KeyboardInterrupt as error:
        # Python remembers that an exec() of text was interrupted (dataclasses are made so), and ``python -m`` would end
        # by SIGINT and not with our code. The next exec() that ends well makes it forget.
        exec("")
        return _fail(": ".join(("interrupted", *map(str, error.args))), INTERRUPTED)


def _run_verb(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    if any("\0" in word for word in words):  # from Python; a shell cannot
        return _fail("an argument holds a character of number 0, which no name of a file and no value has", 2)
    # No option before the verb takes a value, so the verb is the first word that is no option.
    parsed = parser(next((word for word in words if not word.startswith("-")), "")).parse_args(words)
    level = logging.ERROR if parsed.quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(parsed.verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", stream=sys.stderr, force=True)
    try:
        return int(parsed.run(parsed) or 0)
    except TinySegError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        return 1
    except OSError as error:
        return _fail(f"{error.filename or 'file system'}: {error.strerror or error}", 1)
    except Exception as error:  # the last resort: one line, and the details where they are asked for
        if isinstance(error, ModuleNotFoundError) and error.name in TVM_PACKAGES:
            return _fail(NO_TVM, 1)
        if parsed.verbose:
            traceback.print_exc()
        hint = "" if parsed.verbose else "; -v shows the details. Please report it with the model"
        return _fail(f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:400]}{hint}", 1)


def _fail(message: str, code: int) -> int:
    print(f"tinyseg: error: {_harmless(message)}", file=sys.stderr)
    return code


def _harmless(message: str) -> str:
    """Without what a terminal takes for a command."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in message)


if __name__ == "__main__":
    sys.exit(main())
