"""The Relay-style entry: ``relay.frontend.from_onnx`` and ``relay.build``.

TVM 0.27 has no Relay any more; the names are kept, the representation underneath is Relax.
"""

from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.relay import frontend
from tinyseg_tvm.relay.build import build
from tinyseg_tvm.relay.factory import Factory
from tinyseg_tvm.relay.progress_bar import ProgressBar

__all__ = ["BuildOptions", "Factory", "ProgressBar", "build", "frontend"]
