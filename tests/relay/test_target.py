"""Target strings, options and sizes: what is understood, and what an error says."""

from __future__ import annotations

import pytest

from tinyseg_tvm.boards import core_names
from tinyseg_tvm.boards.size import parse_size
from tinyseg_tvm.compiler.options import options_from_text
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.relay import BuildOptions
from tinyseg_tvm.relay.target import parse_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("c -tinyseg", BuildOptions()),
        ("c --tinyseg", BuildOptions()),
        ("c -tinyseg -mcpu=cortex-m4 -ram=64K", BuildOptions(mcpu="cortex-m4", ram=65536)),
        ("c -mcpu=cortex-m0 -tinyseg", BuildOptions(mcpu="cortex-m0")),
        ("c -tinyseg --stream-axis=columns -io=line", BuildOptions(stream_axis="columns", io="line")),
        ("c -tinyseg -board=mps2_an386 -max-recompute=10.1", BuildOptions(board="mps2_an386", max_recompute=10.1)),
        ("c -tinyseg -layerwise -effort=3", BuildOptions(layerwise=True, effort=3)),
        ("c -tinyseg -board='my boards/one.toml'", BuildOptions(board="my boards/one.toml")),
        ("c -tinyseg -io-type=quantized -objective=pareto", BuildOptions(io_type="quantized", objective="pareto")),
    ],
)
def test_target_strings_become_options(target: str, expected: BuildOptions) -> None:
    assert parse_target(target) == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "must begin with 'c -tinyseg'"),
        ("llvm", "must begin with 'c -tinyseg'"),
        ("c -mcpu=cortex-m4", "must begin with 'c -tinyseg'"),
        ("llvm -tinyseg", "must begin with 'c -tinyseg'"),
        ("c -tinyseg cortex-m4", "'cortex-m4' is no option"),
        ("c -tinyseg -mcpu=cortex-m4 -mcpu=cortex-m0", "-mcpu is given twice"),
        ("c -tinyseg -mcpu=z80", "-mcpu=z80: unknown core; there are .*cortex-m4"),
        ("c -tinyseg -mcpu=", "-mcpu: needs a value"),
        ("c -tinyseg -warp=9", "-warp: no such option; there are .*-stream-axis"),
        ("c -tinyseg -ram=lots", "-ram=lots"),
        ("c -tinyseg -ram=-1", "-ram=-1"),
        ("c -tinyseg -ram=0", "-ram=0"),
        ("c -tinyseg -stream-axis=depth", "-stream-axis=depth: must be one of auto, rows, columns"),
        ("c -tinyseg -io=usb", "-io=usb: must be one of resident, line"),
        ("c -tinyseg -effort=much", "-effort=much: must be a number"),
        ("c -tinyseg -effort=0", "-effort=0: must be 1 or more"),
        ("c -tinyseg -max-recompute=nan", "must be a percentage"),
        ("c -tinyseg -max-recompute=-5", "must be a percentage"),
        ("c -tinyseg -board='open", "closing quotation"),
        ("c -tinyseg -layerwise=maybe", "takes no value"),
    ],
)
def test_wrong_target_strings_are_refused(target: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"(?i){message}"):
        parse_target(target)


def test_targets_of_tvm_are_understood() -> None:
    import tvm

    from tinyseg_tvm.target_tags import register_target_tags

    register_target_tags()
    assert parse_target(tvm.target.Target("c -tinyseg")) == BuildOptions()
    for core in core_names():
        assert parse_target(tvm.target.Target(f"c -tinyseg -mcpu={core}")).mcpu == core
    with pytest.raises(UsageError, match="not a tinyseg target"):
        parse_target(tvm.target.Target("llvm"))


@pytest.mark.parametrize("thing", [None, 5, ["c -tinyseg"], {"kind": "c"}])
def test_other_things_are_no_targets(thing: object) -> None:
    with pytest.raises(UsageError, match="not a tinyseg target"):
        parse_target(thing)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("64K", 65536), ("64k", 65536), ("1M", 1 << 20), ("64KiB", 65536), ("100000", 100000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "-5", "1.2.3K", "64Q", "0x", "1e9K", "\u0663", "9" * 400])
def test_wrong_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


def test_single_options_override_a_base() -> None:
    base = BuildOptions(board="mps2_an386", ram=1000)
    assert options_from_text({"ram": "2K"}, base) == BuildOptions(board="mps2_an386", ram=2048)
    assert options_from_text({}, base) == base
