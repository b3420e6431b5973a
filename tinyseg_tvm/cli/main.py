"""The command line ``tinyseg``: one module per verb, results on stdout, logs on stderr.

Exit codes: 0 ok, 1 user error, 2 usage, 3 does not fit.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import traceback
from collections.abc import Sequence

from tinyseg_tvm import __version__
from tinyseg_tvm.errors import TinySegError

VERBS = ("analyze", "compile", "tune", "build", "run", "verify", "report", "flash", "ops", "boards", "serve-storage")

EXAMPLES = """examples:
  tinyseg analyze model.onnx --board mps2_an386
  tinyseg compile model.onnx -o out --board mps2_an386 --ram 128K
  tinyseg run out --json
"""


def parser() -> argparse.ArgumentParser:
    """The argument parser with all verbs."""
    top = argparse.ArgumentParser(
        prog="tinyseg",
        description="Memory-optimal neural network inference for microcontrollers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"tinyseg {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        module = importlib.import_module(f"tinyseg_tvm.cli.{verb.replace('-', '_')}")
        summary = (module.__doc__ or "").splitlines()[0].rstrip(".")
        sub = verbs.add_parser(
            verb,
            help=summary,
            description=module.__doc__,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.add_argument("-v", "--verbose", action="count", default=0, help="more about what is done, on stderr")
        sub.add_argument("-q", "--quiet", action="store_true", help="only errors on stderr, no progress")
        sub.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    parsed = parser().parse_args(arguments)
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
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except Exception as error:  # the last resort: one line, and the details where they are asked for
        if parsed.verbose:
            traceback.print_exc()
        hint = "" if parsed.verbose else "; -v shows the details. Please report it with the model"
        return _fail(f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:400]}{hint}", 1)


def _fail(message: str, code: int) -> int:
    print(f"tinyseg: error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
