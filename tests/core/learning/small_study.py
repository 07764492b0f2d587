"""Small things to train."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.learning.fit import Plan  # noqa: E402
from chiomics.core.learning.sampling import random_batches  # noqa: E402
from chiomics.core.learning.schedule import multistep  # noqa: E402


class Points:
    """Two clouds of points with noise added anew at every epoch, as augmentation does."""

    def __init__(self, count=60):
        generator = torch.Generator().manual_seed(3)
        self.y = (torch.arange(count) % 3 == 0).float()
        self.x = torch.randn(count, 4, generator=generator) + self.y[:, None]

    def epoch(self, generator):
        for rows in random_batches(len(self.y), 16, generator, min_size=8):
            yield self.x[rows] + 0.1 * torch.randn(len(rows), 4, generator=generator), self.y[rows]


def make_network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    )


def loss_of(model, batch):
    x, y = batch
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
    return loss, {"positive": float(y.sum())}


def make_plan(epochs=6, **keys):
    return Plan(epochs, loss_of, lambda parameters: torch.optim.Adam(parameters, lr=1e-2), multistep(), **keys)
