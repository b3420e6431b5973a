"""Train the Tiny U-Net of TinySeg (Chae, Kim, Heo, LCTES 2024) on drawn street scenes and write it as float ONNX.

PyTorch is needed here and nowhere else. Batch normalisation is folded into the convolutions on export, and the ONNX
file is built node by node, so that every node carries a name that is worth reading in the generated C.

    python train.py --epochs 9 --scenes 4000 --output tinyunet_float.onnx
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from scenes import HEIGHT, TRAINING_SEEDS, WIDTH, scene
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (8, 16, 32, 64)
OPSET = 17


class Block(nn.Module):  # type: ignore[misc]
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H, W)."""
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(x)))


class TinyUNet(nn.Module):  # type: ignore[misc]
    """Three levels down, three up with 2x2 transposed convolutions and concatenated skips, one logit per pixel."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *CHANNELS)
        self.encoder = nn.ModuleList(Block(widths[i], widths[i + 1]) for i in range(len(CHANNELS)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c // 2, 2, stride=2) for c in CHANNELS[:-1])
        self.decoder = nn.ModuleList(Block(c + c // 2, c) for c in CHANNELS[:-1])
        self.logits = nn.Conv2d(CHANNELS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps images (N, 3, 80, 120) in 0..1 to logits (N, 1, 80, 120)."""
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else functional.max_pool2d(x, 2))
            skips.append(x)
        for level in reversed(range(len(CHANNELS) - 1)):
            x = self.decoder[level](torch.cat((skips[level], self.up[level](x)), dim=1))
        return self.logits(x)


def dataset(count: int, cache: Path | None) -> tuple[Tensor, Tensor]:
    """Images (count, 3, 80, 120) uint8 and masks (count, 1, 80, 120) bool of the first training seeds."""
    if cache is not None and cache.exists():
        stored = np.load(cache)
        images, masks = stored["images"], stored["masks"]
    else:
        drawn = [scene(seed) for seed in TRAINING_SEEDS[:count]]
        images, masks = np.stack([one.image for one in drawn]), np.stack([one.mask for one in drawn])
        if cache is not None:
            np.savez(cache, images=images, masks=masks)
    return torch.from_numpy(images[:count]).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(masks[:count])[:, None]


def augmented(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Floats in 0..1, mirrored, shifted by a few pixels and with jittered gain, as 8-bit pictures would be."""
    x, y = images.float() / 255.0, masks.float()
    mirror = (torch.rand(len(x)) < 0.5)[:, None, None, None]
    x, y = torch.where(mirror, x.flip(3), x), torch.where(mirror, y.flip(3), y)
    x = (
        x * torch.empty(len(x), 1, 1, 1).uniform_(0.85, 1.15) * torch.empty(len(x), 3, 1, 1).uniform_(0.95, 1.05)
    ).clamp(0, 1)
    shift = torch.randint(-8, 9, (2,)).tolist()
    return x.roll(shift[1], 3), y.roll(shift[1], 3)


def loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy plus soft Dice, the usual pair for small objects."""
    chance = logits.sigmoid()
    overlap = (chance * truth).sum()
    dice = 1.0 - (2.0 * overlap + 1.0) / (chance.sum() + truth.sum() + 1.0)
    return functional.binary_cross_entropy_with_logits(logits, truth) + dice


def train(model: TinyUNet, images: Tensor, masks: Tensor, *, epochs: int, batch: int, rate: float) -> None:
    """One-cycle Adam over shuffled batches; prints the mean loss of each epoch."""
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    start = time.monotonic()
    for epoch in range(epochs):
        total, order = 0.0, torch.randperm(len(images))
        for i in range(len(images) // batch):
            chosen = order[i * batch : (i + 1) * batch]
            x, truth = augmented(images[chosen], masks[chosen])
            value = loss(model(x.contiguous(memory_format=torch.channels_last)), truth)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        print(f"epoch {epoch + 1}/{epochs}: loss {total / (i + 1):.4f}, {time.monotonic() - start:.0f} s", flush=True)


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a convolution with its batch normalisation folded in."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight, bias = conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain
    return weight.detach().numpy(), bias.detach().numpy()


class Graph:
    """An ONNX graph under construction: each method adds one named node and returns its result's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, name: str, inputs: list[str], **attributes: object) -> str:
        """Any node with one result, named after the node."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weighted(
        self, kind: str, name: str, source: str, weight: np.ndarray, bias: np.ndarray, **attributes: object
    ) -> str:
        """A convolution of either kind with its constants."""
        for suffix, array in (("weight", weight), ("bias", bias)):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), f"{name}_{suffix}"))
        return self.node(
            kind, name, [source, f"{name}_weight", f"{name}_bias"], kernel_shape=weight.shape[2:], **attributes
        )

    def block(self, name: str, source: str, block: Block) -> str:
        """Two convolutions with ReLU."""
        for i, (conv, norm) in enumerate(((block.conv1, block.norm1), (block.conv2, block.norm2)), start=1):
            conved = self.weighted("Conv", f"{name}_conv{i}", source, *folded(conv, norm), pads=[1, 1, 1, 1])
            source = self.node("Relu", f"{name}_relu{i}", [conved])
        return source


def exported(model: TinyUNet) -> onnx.ModelProto:
    """The float network as ONNX: ``image`` (1, 3, 80, 120) in 0..1 to ``logits`` (1, 1, 80, 120)."""
    model.eval()
    graph, x, skips = Graph(), "image", []
    for level, block in enumerate(model.encoder, start=1):
        if level > 1:
            x = graph.node("MaxPool", f"pool{level - 1}", [x], kernel_shape=[2, 2], strides=[2, 2])
        x = graph.block(f"enc{level}", x, block)
        skips.append(x)
    for level in reversed(range(1, len(CHANNELS))):
        up = model.up[level - 1]
        weights = up.weight.detach().numpy(), up.bias.detach().numpy()
        x = graph.weighted("ConvTranspose", f"up{level}", x, *weights, strides=[2, 2])
        x = graph.node("Concat", f"concat{level}", [skips[level - 1], x], axis=1)
        x = graph.block(f"dec{level}", x, model.decoder[level - 1])
    last = model.logits
    graph.weighted("Conv", "logits", x, last.weight.detach().numpy(), last.bias.detach().numpy())
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, HEIGHT, WIDTH])
    body = helper.make_graph(graph.nodes, "tinyunet", [image], [logits], graph.constants)
    result = helper.make_model(body, producer_name="tinyunet", opset_imports=[helper.make_opsetid("", OPSET)])
    result.ir_version = 8
    onnx.checker.check_model(result, full_check=True)
    return result


def main() -> None:
    """Train and export."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=9)
    options.add_argument("--scenes", type=int, default=4000)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--rate", type=float, default=4e-3)
    options.add_argument("--cache", type=Path, help="file that keeps the drawn training scenes between runs")
    options.add_argument("--output", type=Path, default=Path("tinyunet_float.onnx"))
    given = options.parse_args()
    torch.manual_seed(1)
    images, masks = dataset(given.scenes, given.cache)
    print(f"{len(images)} scenes, {masks.float().mean():.3f} of the pixels are vehicle", flush=True)
    model = TinyUNet().to(memory_format=torch.channels_last)
    train(model, images, masks, epochs=given.epochs, batch=given.batch, rate=given.rate)
    onnx.save(exported(model), given.output)


if __name__ == "__main__":
    main()
