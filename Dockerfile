# The tool with what its firmware needs: the cross compiler, QEMU, and this repository's example.
#   docker build -t tinyseg .
#   docker run --rm -v "$PWD:/project" tinyseg compile model.onnx -o out --board mps2_an386
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev make gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm \
    && rm -rf /var/lib/apt/lists/*

# The package first, so that a change of an example does not install it again.
COPY setup.cfg pyproject.toml MANIFEST.in README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE /usr/src/tinyseg/
COPY tinyseg_tvm /usr/src/tinyseg/tinyseg_tvm
COPY codegen /usr/src/tinyseg/codegen
COPY relay_passes /usr/src/tinyseg/relay_passes
ARG EXTRAS=quantize,board
RUN pip install --no-cache-dir "/usr/src/tinyseg[$EXTRAS]"
COPY examples /usr/src/tinyseg/examples

WORKDIR /project
ENTRYPOINT ["tinyseg"]
CMD ["--help"]
