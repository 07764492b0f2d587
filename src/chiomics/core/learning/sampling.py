"""Which samples make up the mini-batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from chiomics.core.errors import InputError


def random_batches(count: int, size: int, generator: torch.Generator, *, min_size: int = 1) -> Iterator[torch.Tensor]:
    """Shuffle all samples and cut them into batches.

    Parameters
    ----------
    count, size : int
        Samples, and samples per batch.
    generator : torch.Generator
        Of the order.
    min_size : int
        A last batch with fewer samples is dropped, unless it is the only one: batch normalisation needs several.

    Yields
    ------
    torch.Tensor of int64
        Rows of a batch.
    """
    order = torch.randperm(count, generator=generator)
    for start in range(0, count, size):
        batch = order[start : start + size]
        if len(batch) >= min_size or start == 0:
            yield batch


def stratified_batches(
    labels: torch.Tensor, size: int, generator: torch.Generator, *, min_positive: int = 3
) -> Iterator[torch.Tensor]:
    """Draw every batch with its share of positive samples, and at least `min_positive` of them.

    Negative samples are seen once per epoch. Positive ones are dealt out in turn, in a new order at every round, and
    are seen several times where their share alone would leave a batch with fewer than `min_positive`.

    Parameters
    ----------
    labels : torch.Tensor, shape (samples,)
        1 for the positive class.
    size : int
        Samples per batch.
    generator : torch.Generator
        Of the order.
    min_positive : int
        Positive samples per batch at the least.

    Yields
    ------
    torch.Tensor of int64
        Rows of a batch, shuffled.

    Raises
    ------
    InputError
        Where there are fewer positive samples than `min_positive`, or the batch has no room for negative ones.
    """
    positive, negative = torch.nonzero(labels > 0)[:, 0], torch.nonzero(labels <= 0)[:, 0]
    share = max(min_positive, round(size * len(positive) / max(len(labels), 1)))
    if len(positive) < min_positive or share >= size or not len(negative):
        raise InputError(
            "batches cannot be stratified",
            found=f"{len(positive)} positive of {len(labels)} samples, batches of {size}",
        )
    rounds = -(-len(negative) // (size - share))
    dealt: list[torch.Tensor] = []
    while sum(map(len, dealt)) < rounds * share:
        dealt.append(positive[torch.randperm(len(positive), generator=generator)])
    turns = torch.cat(dealt)[: rounds * share].split(share)
    others = negative[torch.randperm(len(negative), generator=generator)].tensor_split(rounds)
    for mine, other in zip(turns, others, strict=True):
        batch = torch.cat([mine, other])
        yield batch[torch.randperm(len(batch), generator=generator)]
