"""The networks of both papers, with the parameter names of torchvision where the layers are the same.

Wang et al. 2020: 3-D ResNet-18 and -34, and two-view networks (Figure 3, equations 3 and 4): for each of two axes the
volume's sections are the channels of a convolution of width 7 and stride 3 with 32 outputs, batch normalisation and
ReLU; the two outputs are concatenated and go on in a 2-D ResNet. What follows in the figure is not told in the text.
Two times 32 channels are what the first stage of ResNet-18 and -34 takes, so the blocks stand for its stem
(``compression="stem"``); ``"rgb"`` maps them to three channels for a whole ResNet. Dropout precedes the last layer.

Seok et al. 2023: ResNet-18 with five input channels and two outputs (Figure 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from chiomics.core.learning.resnet import BLOCKS, ResNet

#: Outputs of a compression block, its kernel and stride (Model structure).
VIEW_CHANNELS, KERNEL, STRIDE = 32, 7, 3


class TwoViews(nn.Module):
    """Compress a volume along two of its axes and put the pictures side by side as channels.

    Parameters
    ----------
    edge : int
        Voxels per edge of the cube.
    views : sequence of int
        Axes that become channels.
    channels : int
        Outputs of each view.
    """

    def __init__(self, edge: int, views: Sequence[int], channels: int) -> None:
        super().__init__()
        self.views = tuple(views)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(edge, channels, KERNEL, STRIDE, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
            for _ in self.views
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take shape (samples, 1, edge, edge, edge)."""
        pictures = [block(x[:, 0].movedim(1 + axis, 1)) for axis, block in zip(self.views, self.blocks, strict=True)]
        return torch.cat(pictures, dim=1)


class Classifier(ResNet):
    """Residual network with dropout before its last layer, and a compression in front of it or for its stem.

    Parameters
    ----------
    channels : int
        Of the input.
    dropout : float
        Share of the last layer's inputs that is dropped in training.
    views : TwoViews, optional
        Compression of volumes.
    compression : str
        ``stem`` or ``rgb``.
    **kinds
        Of `ResNet`.
    """

    def __init__(
        self,
        channels: int,
        *,
        dropout: float = 0.0,
        views: TwoViews | None = None,
        compression: str = "stem",
        **kinds: Any,
    ) -> None:
        super().__init__(channels, 2, **kinds)
        self.views, self.compression = views, compression
        self.dropout = nn.Dropout(dropout)
        if views is not None and compression == "stem":
            self.conv1, self.bn1, self.relu, self.maxpool = (nn.Identity() for _ in range(4))
        elif views is not None:
            self.to_rgb = nn.Conv2d(len(views.views) * views.blocks[0][0].out_channels, 3, 1)

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last stage's maps."""
        if self.views is not None:
            x = self.views(x)
            if self.compression == "rgb":
                x = self.to_rgb(x)
        return super().maps(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return two class scores per sample."""
        return self.fc(self.dropout(self.maps(x).flatten(2).mean(dim=2)))


def build_network(arm: str, settings: dict) -> Classifier:
    """Build the network of an arm.

    Parameters
    ----------
    arm : str
        ``3d-18``, ``3d-34``, ``2v-18...``, ``2v-34...`` or ``seok``.
    settings : dict
        Of the paper: ``edge``, ``widths_3d``, ``widths``, ``views``, ``compression``, ``dropout``; for ``seok``
        ``widths`` and ``pixels``.

    Returns
    -------
    Classifier
        Initialised from PyTorch's global generator.
    """
    if arm == "seok":
        return Classifier(
            5, widths=settings["widths"], blocks=BLOCKS[18][: len(settings["widths"])], **_strides(settings)
        )
    kind, depth = arm.split("-")[:2]
    blocks = BLOCKS[int(depth)]
    if kind == "3d":
        widths = settings["widths_3d"]
        return Classifier(1, dropout=settings["dropout"], dimensions=3, blocks=blocks, widths=widths)
    widths = settings["widths"]
    stem = settings["compression"] == "stem"
    channels = widths[0] // len(settings["views"]) if stem else VIEW_CHANNELS
    views = TwoViews(settings["edge"], settings["views"], channels)
    kinds = {"blocks": blocks, "widths": widths}
    return Classifier(3, dropout=settings["dropout"], views=views, compression=settings["compression"], **kinds)


def _strides(settings: dict) -> dict:
    return {"strides": (1, 2, 2, 2)[: len(settings["widths"])]}
