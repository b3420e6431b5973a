import subprocess
import sys

import pytest


def run_demo(example, output, *options):
    command = [sys.executable, str(example / "demo.py"), "--output", str(output), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("board", ["host", pytest.param("mps2_an386", marks=pytest.mark.release)])
def test_the_demo_verifies_every_byte_and_draws(example, tmp_path, board):
    done = run_demo(example, tmp_path / "demo", "--board", board, "--scenes", "1")
    assert done.returncode == 0, done.stderr
    assert "9,600 output bytes with the reference: 0 differ" in done.stdout
    assert "TFLM, reference kernels" in done.stdout
    for name in ("segmentation.png", "memory_map.png", "memory_map.svg", "report.html", "operators.csv"):
        assert (tmp_path / "demo" / name).stat().st_size > 0


@pytest.mark.release
def test_the_headline_runs_in_64_kib_with_an_sd_card(example, tmp_path):
    done = run_demo(example, tmp_path / "demo", "--board", "lm3s6965evb", "--scenes", "1")
    assert done.returncode == 0, done.stderr
    assert "on lm3s6965evb" in done.stdout
    assert "9,600 output bytes with the reference: 0 differ" in done.stdout
    assert "waits in storage sd" in done.stdout
    written = next(line for line in done.stdout.splitlines() if line.startswith("bytes written to storage"))
    assert "76,800" in written
    ours = next(line for line in done.stdout.splitlines() if line.startswith("this firmware"))
    assert float(ours.split()[4]) <= 46  # KiB


def test_an_unknown_board_is_an_error_and_no_traceback(example, tmp_path):
    done = run_demo(example, tmp_path, "--board", "mps9_an999")
    assert done.returncode in (1, 2)
    assert "demo: error:" in done.stderr
    assert "Traceback" not in done.stderr
