"""What the code generator needs to know of a processor core to choose and cost kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyseg_tvm.codegen.tuning_records import TuningRecords


@dataclass(frozen=True)
class Core:
    """Facts about a core.

    Attributes:
        name: as GCC's ``-mcpu``, or ``host``; for reports only.
        has_fpu: single precision floating point in hardware.
        has_dsp: the DSP extension (SMLAD and friends).
        has_mve: the M-profile vector extension.
        has_wide_multiply: 32 x 32 to 64 bit multiplication in one instruction (not on Armv6-M).
        records: what was measured on it.
    """

    name: str = "host"
    has_fpu: bool = True
    has_dsp: bool = False
    has_mve: bool = False
    has_wide_multiply: bool = True
    records: TuningRecords = field(default=TuningRecords(), repr=False)
