"""QSMRim-Net (Zhang et al. 2022, section 2.2.1, Figures 4 and 5), its parts, and a size for two CPU cores.

A 3-D residual network of χ and FLAIR, a perceptron of radiomic features, their fusion, DeepSMOTE, and a classifier with
one logit. The widths of the perceptron and the classifier, the stem and the strides are those of the authors' published
code, which the paper leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from chiomics.core.learning.resnet import LAYERS, BasicBlock, ResNet
from chiomics.rims.networks.deepsmote import DeepSMOTE


@dataclass(frozen=True)
class Size:
    """Widths of the network.

    Parameters
    ----------
    widths, blocks, strides : tuple of int
        Of the residual network's stages.
    stem : tuple of int
        Kernel width and stride of its first convolution.
    pool : bool
        Whether max-pooling follows it.
    radiomic : tuple of int
        Layers of the perceptron of radiomic features.
    latent : int
        Features of DeepSMOTE.
    head : int
        Hidden layer of the classifier.
    crop : tuple of int or None
        Central voxels of the patch that are looked at; all of them by default.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    strides: tuple[int, ...] = (1, 2, 2, 1)
    stem: tuple[int, int] = (7, 2)
    pool: bool = True
    radiomic: tuple[int, int] = (1024, 512)
    latent: int = 512
    head: int = 128
    crop: tuple[int, int, int] | None = None


SIZES = {
    "published": Size(),
    "demo": Size(
        widths=(8, 16, 32, 64), blocks=(1, 1, 1, 1), stem=(3, 2), pool=False, radiomic=(128, 64), latent=64, head=32,
        crop=(24, 24, 12),
    ),
}  # fmt: skip


class TwoBranchResNet(nn.Module):
    """A residual network for each image, joined as RimNet joins them: FLAIR's first stage goes into χ's second.

    Parameters
    ----------
    size : Size
        Of both.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.chi, self.flair = _resnet(1, size), _resnet(1, size)
        self.chi.layer2[0] = BasicBlock(2 * size.widths[0], size.widths[1], size.strides[1], 3)
        for module in self.chi.layer2[0].modules():
            if isinstance(module, LAYERS[3][0]):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.width = 2 * size.widths[-1]

    @property
    def last_stage(self) -> nn.Module:
        """The layer whose output Grad-CAM explains."""
        return self.chi.last_stage

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the mean over space of both last maps."""
        maps = []
        for network, image in ((self.chi, images[:, :1]), (self.flair, images[:, 1:])):
            maps.append(network.layer1(network.maxpool(network.relu(network.bn1(network.conv1(image))))))
        maps[0] = torch.cat(maps, dim=1)
        for number in range(2, self.chi.stages + 1):
            maps = [getattr(net, f"layer{number}")(x) for net, x in zip((self.chi, self.flair), maps, strict=True)]
        return torch.cat([x.flatten(2).mean(dim=2) for x in maps], dim=1)


class FusionNet(nn.Module):
    """QSMRim-Net and its ablations.

    Parameters
    ----------
    size : Size
        Widths.
    features : int
        Radiomic features; 0 leaves their branch out.
    images : {"concat", "rimnet", "none"}
        Whether χ and FLAIR are channels of one network, have a branch each, or are left out.
    fusion : {"concat", "add"}
        How both branches are joined: as the paper says, or as the authors' code does.
    deepsmote : {"paper", "code", "off"}
        Of `deepsmote.oversample`.
    """

    def __init__(
        self, size: Size, *, features: int, images: str = "concat", fusion: str = "concat", deepsmote: str = "paper"
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.image = {"concat": lambda: _resnet(2, size), "rimnet": lambda: TwoBranchResNet(size)}.get(
            images, lambda: None
        )()
        self.radiomic = _perceptron(features, size.radiomic) if features else None
        widths = [self.image.width] if self.image is not None else []
        widths += [size.radiomic[1]] if features else []
        self.deepsmote = DeepSMOTE(widths[0] if fusion == "add" else sum(widths), size.latent, deepsmote)
        self.classify = nn.Sequential(
            nn.Linear(size.latent, size.head), nn.SiLU(), nn.Dropout(0.5), nn.Linear(size.head, 1)
        )

    @property
    def last_stage(self) -> nn.Module:
        """The layer whose output Grad-CAM explains."""
        return self.image.last_stage

    def forward(
        self, images: torch.Tensor | None, features: torch.Tensor | None, labels: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return logits and their labels; with labels in training there are more of both than lesions.

        Parameters
        ----------
        images : torch.Tensor, shape (N, 2, X, Y, Z)
            χ and FLAIR.
        features : torch.Tensor, shape (N, features)
            Standardised radiomic features.
        labels : torch.Tensor, shape (N,), optional
            1 for rim lesions.
        """
        parts = [] if self.image is None else [self.image(images)]
        if self.radiomic is not None:
            parts.append(self.radiomic(features))
        fused = sum(parts) if self.fusion == "add" else torch.cat(parts, dim=1)
        latent, labels = self.deepsmote(fused, labels)
        return self.classify(latent)[:, 0], labels


def _resnet(channels: int, size: Size) -> ResNet:
    return ResNet(
        channels, dimensions=3, blocks=size.blocks, widths=size.widths, strides=size.strides, stem=size.stem,
        pool=size.pool,
    )  # fmt: skip


def _perceptron(features: int, widths: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, widths[0]), nn.BatchNorm1d(widths[0]), nn.SiLU(), nn.Dropout(0.3),
        nn.Linear(widths[0], widths[1]), nn.BatchNorm1d(widths[1]), nn.SiLU(),
    )  # fmt: skip
