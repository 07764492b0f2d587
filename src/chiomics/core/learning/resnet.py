"""Residual networks in 2-D and 3-D (He et al. 2016, CVPR, Table 1), with the parameter names of torchvision.

The strides of all four stages are free: published 3-D variants keep the last stage at stride 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

#: Basic blocks per stage of the networks with 18 and 34 layers.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
LAYERS = {
    2: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d),
    3: (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d),
}


class BasicBlock(nn.Module):
    """Two 3-wide convolutions with a shortcut around them.

    Parameters
    ----------
    channels, width, stride, dimensions : int
        Input channels, output channels, stride of the first convolution, 2 or 3.
    """

    def __init__(self, channels: int, width: int, stride: int, dimensions: int) -> None:
        super().__init__()
        conv, norm, _ = LAYERS[dimensions]
        self.conv1 = conv(channels, width, 3, stride, 1, bias=False)
        self.bn1 = norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv(width, width, 3, 1, 1, bias=False)
        self.bn2 = norm(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(conv(channels, width, 1, stride, bias=False), norm(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the two convolutions to the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + shortcut)


class ResNet(nn.Module):
    """Residual network of basic blocks.

    Parameters
    ----------
    channels : int
        Input channels.
    classes : int
        Outputs of the last layer `fc`; 0 leaves it out, and the network gives the mean over space of its last map.
    dimensions : int
        2 or 3.
    blocks : sequence of int
        Basic blocks of each stage, `BLOCKS[18]` or `BLOCKS[34]` for the published depths.
    widths, strides : sequence of int
        Channels and stride of each stage.
    stem : tuple of int
        Kernel width and stride of the first convolution.
    pool : bool
        Whether a max-pooling of width 3 and stride 2 follows it.
    """

    def __init__(
        self,
        channels: int,
        classes: int = 0,
        *,
        dimensions: int = 2,
        blocks: Sequence[int] = BLOCKS[18],
        widths: Sequence[int] = (64, 128, 256, 512),
        strides: Sequence[int] = (1, 2, 2, 2),
        stem: tuple[int, int] = (7, 2),
        pool: bool = True,
    ) -> None:
        super().__init__()
        conv, norm, max_pool = LAYERS[dimensions]
        self.conv1 = conv(channels, widths[0], stem[0], stem[1], stem[0] // 2, bias=False)
        self.bn1 = norm(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = max_pool(3, 2, 1) if pool else nn.Identity()
        self.stages = len(widths)
        self.width = widths[-1]
        before = widths[0]
        for number, (count, width, stride) in enumerate(zip(blocks, widths, strides, strict=True), start=1):
            stage = [BasicBlock(before, width, stride, dimensions)]
            stage += [BasicBlock(width, width, 1, dimensions) for _ in range(count - 1)]
            setattr(self, f"layer{number}", nn.Sequential(*stage))
            before = width
        self.fc = nn.Linear(self.width, classes) if classes else None
        for module in self.modules():
            if isinstance(module, conv):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def last_stage(self) -> nn.Module:
        """The stage whose output Grad-CAM explains."""
        return getattr(self, f"layer{self.stages}")

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last stage's maps, shape (samples, width, *space)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores, or the mean over space where there is no last layer."""
        pooled = self.maps(x).flatten(2).mean(dim=2)
        return pooled if self.fc is None else self.fc(pooled)


def count_parameters(model: nn.Module) -> int:
    """Count what is learnt."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
