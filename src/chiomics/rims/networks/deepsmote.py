"""DeepSMOTE: new rim lesions between neighbours in a network's own feature space (Zhang et al. 2022, section 2.2.3).

Per rim lesion of the batch, its two nearest other rim lesions by Euclidean distance; x̃ = α x + (1 − α) x_k with
α ~ U(0, 1) (eq. 1 and 2). It acts in training alone and needs three rim lesions in the batch. The authors' published
code counts the lesion itself among three neighbours, which adds 3n samples of which n are copies: mode `code`.
"""

from __future__ import annotations

import torch
from torch import nn

MODES = ("paper", "code", "off")
#: Rim lesions in a batch below which nothing is made.
MIN_RIMS = 3


def oversample(x: torch.Tensor, labels: torch.Tensor, *, mode: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Add rim lesions to a batch.

    Parameters
    ----------
    x : torch.Tensor, shape (N, features)
        Latent features.
    labels : torch.Tensor, shape (N,)
        1 for rim lesions.
    mode : {"paper", "code", "off"}
        2n or 3n new samples from n rim lesions, or none.

    Returns
    -------
    x, labels : torch.Tensor
        Those given and the new ones after them; α comes from PyTorch's global generator.
    """
    rims = x[labels > 0.5]
    if mode == "off" or len(rims) < MIN_RIMS:
        return x, labels
    distances = torch.cdist(rims.detach().float(), rims.detach().float())
    if mode == "paper":
        distances.fill_diagonal_(torch.inf)
    else:
        distances.fill_diagonal_(-1.0)
    count = 2 if mode == "paper" else 3
    partners = rims[distances.topk(count, largest=False).indices]
    alpha = torch.rand(len(rims), count, 1, device=x.device, dtype=x.dtype)
    made = (alpha * rims[:, None] + (1 - alpha) * partners).flatten(0, 1)
    return torch.cat([x, made]), torch.cat([labels, labels.new_ones(len(made))])


class DeepSMOTE(nn.Module):
    """Two fully connected layers that fuse and transform features, and the oversampling behind them.

    Parameters
    ----------
    features, width : int
        Fused features, and those of both layers (paper: 1024 and 512).
    mode : {"paper", "code", "off"}
        Of `oversample`.
    """

    def __init__(self, features: int, width: int, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.transform = nn.Sequential(
            nn.Linear(features, width), nn.BatchNorm1d(width), nn.SiLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.SiLU(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Transform, and oversample in training where labels are given."""
        latent = self.transform(x)
        if labels is None or not self.training:
            return latent, labels
        return oversample(latent, labels, mode=self.mode)
