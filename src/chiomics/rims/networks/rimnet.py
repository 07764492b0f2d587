"""RimNet (Barquero et al. 2020, NeuroImage: Clinical 28:102412) with χ in place of phase.

One VGG-like branch for each image, three blocks of two convolutions with tanh; the first block's map of FLAIR joins the
second block of χ; a convolution of width 1 leaves one channel per branch; four fully connected layers. Xavier
initialisation, no batch normalisation, no dropout.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTHS = (32, 64, 128)


class RimNet(nn.Module):
    """Two images in, one logit out (the difference of the two class scores).

    Parameters
    ----------
    patch : tuple of int
        Voxels of a patch along each axis.
    widths : tuple of int
        Channels of the three blocks.
    hidden : tuple of int
        Widths of the fully connected layers before the last.
    """

    def __init__(
        self,
        patch: tuple[int, int, int],
        *,
        widths: tuple[int, int, int] = WIDTHS,
        hidden: tuple[int, ...] = (256, 128, 64),
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.chi1, self.flair1 = _block(1, first), _block(1, first)
        self.chi2, self.flair2 = _block(2 * first, second), _block(first, second)
        self.chi3, self.flair3 = _block(second, third), _block(second, third)
        self.chi_out, self.flair_out = nn.Conv3d(third, 1, 1), nn.Conv3d(third, 1, 1)
        left = [-(-length // 8) for length in patch]
        before, layers = 2 * left[0] * left[1] * left[2], []
        for width in hidden:
            layers += [nn.Linear(before, width), nn.Tanh()]
            before = width
        self.classify = nn.Sequential(*layers, nn.Linear(before, 2))
        for module in self.modules():
            if isinstance(module, (nn.Conv3d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    @property
    def last_stage(self) -> nn.Module:
        """The layer whose output Grad-CAM explains."""
        return self.chi3

    def forward(
        self, images: torch.Tensor, features: torch.Tensor | None = None, labels: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return a logit of every lesion, and the labels as they came."""
        chi, flair = self.chi1(images[:, :1]), self.flair1(images[:, 1:])
        chi = self.chi_out(self.chi3(self.chi2(torch.cat([chi, flair], dim=1))))
        flair = self.flair_out(self.flair3(self.flair2(flair)))
        scores = self.classify(torch.cat([chi.flatten(1), flair.flatten(1)], dim=1))
        return scores[:, 1] - scores[:, 0], labels


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, width, 3, padding=1), nn.Tanh(),
        nn.Conv3d(width, width, 3, padding=1), nn.Tanh(),
        nn.MaxPool3d(2, ceil_mode=True),
    )  # fmt: skip
