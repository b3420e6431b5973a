"""Fuzzes the reading of models: ``python -m tests.fuzz --format tflite --count 2000 --seed 1``.

What ends badly is printed, and kept in ``build/fuzz``; mended, a small one of its kind goes to ``tests/fuzz/corpus``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.fuzz.campaign import ROOT, campaign


def main() -> int:
    """Returns 1 where a file ended as it must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=("onnx", "tflite"), default="tflite")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after these")
    options = parser.parse_args()
    found = campaign(f".{options.format}", options.count, options.seed, options.seconds, ROOT / "build" / "fuzz")
    for verdict in found:
        if verdict.bad:
            print(f"{verdict.file}: {verdict.verdict} ({verdict.seconds} s): {verdict.said}")
    print(", ".join(f"{count} {name}" for name, count in sorted(Counter(v.verdict for v in found).items())))
    return int(any(verdict.bad for verdict in found))


if __name__ == "__main__":
    sys.exit(main())
