"""The training loop.

A training is a function of its model, data, plan and seed. Every epoch draws its randomness anew from the seed and its
own number, so that a training which a kill interrupted goes on from its last whole epoch and ends with the same bits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from torch import nn

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write
from chiomics.core.learning.device import deterministic, make_generator, seeded
from chiomics.core.learning.schedule import Schedule, constant

logger = logging.getLogger(__name__)


class Data(Protocol):
    """What is learnt from."""

    def epoch(self, generator: torch.Generator) -> Iterable[Any]:
        """Return the batches of one epoch; order and augmentation draw from the generator alone."""


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Parameters
    ----------
    epochs : int
        Passes over the data.
    loss : callable
        Takes the model and a batch; gives the loss, and numbers to sum over the epoch for the record.
    optimiser : callable
        Takes the parameters; gives a PyTorch optimiser with the initial learning rate.
    schedule : callable
        Takes the epoch, from 0, and the number of epochs; gives the factor of the learning rate.
    score : callable, optional
        Takes the model in evaluation mode; its value after each epoch is recorded.
    keep_best : bool
        Whether the model ends as it was after the first epoch with the highest score, not after the last.
    autocast : bool
        Whether a CUDA device multiplies in bfloat16.
    """

    epochs: int
    loss: Callable[[nn.Module, Any], tuple[torch.Tensor, dict[str, float]]]
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    schedule: Schedule = constant
    score: Callable[[nn.Module], float] | None = None
    keep_best: bool = False
    autocast: bool = True


@dataclass
class History:
    """What a training recorded: one mapping per epoch with loss, learning rate, steps, seconds and the counts."""

    epochs: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: nn.Module,
    data: Data,
    plan: Plan,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    checkpoint: str | Path | None = None,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> History:
    """Train a model in place.

    Parameters
    ----------
    model : torch.nn.Module
        Initialised (see `device.seeded`).
    data : Data
        Batches.
    plan : Plan
        Loss, optimiser, schedule.
    seed : int
        Of order, augmentation and dropout.
    device : torch.device or str
        Where to train.
    checkpoint : path-like, optional
        File that holds the state after the last whole epoch. Where it exists the training goes on from it; the caller
        removes it once the result is safe. Its name must tell trainings apart (see `checkpoints.name_checkpoint`).
    progress : callable, optional
        Takes the record of each epoch, after it; by default it is logged.

    Returns
    -------
    History
        One record per epoch.

    Raises
    ------
    InputError
        Where the loss is not finite, an epoch has no batch, or the checkpoint is that of another network.
    """
    model.to(device)
    optimiser = plan.optimiser(model.parameters())
    rates = [group["lr"] for group in optimiser.param_groups]
    history, best, cuda = History(), None, torch.device(device).type == "cuda"
    if checkpoint is not None and Path(checkpoint).exists():
        history.epochs, best = _restore(checkpoint, model, optimiser, device)
    started, before = time.monotonic(), len(history.epochs)
    with deterministic():
        for epoch in range(before, plan.epochs):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * plan.schedule(epoch, plan.epochs)
            model.train()
            counts: dict[str, float] = {}
            total, steps, clock = 0.0, 0, time.process_time()
            with seeded(seed, "dropout", epoch):
                for batch in data.epoch(make_generator(seed, "data", epoch)):
                    with torch.autocast("cuda", torch.bfloat16, enabled=cuda and plan.autocast):
                        loss, numbers = plan.loss(model, batch)
                    if not torch.isfinite(loss):
                        raise InputError("the loss is not finite", found=f"epoch {epoch + 1}, step {steps + 1}")
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
                    optimiser.step()
                    total, steps = total + loss.item(), steps + 1
                    counts = {name: counts.get(name, 0) + value for name, value in numbers.items()}
            if not steps:
                raise InputError("an epoch has no batch to train on")
            record = {"epoch": epoch + 1, "loss": total / steps, "lr": optimiser.param_groups[0]["lr"], "steps": steps}
            record |= counts | {"seconds": time.process_time() - clock}
            if plan.score is not None:
                with torch.no_grad():
                    record["score"] = float(plan.score(model.eval()))
                if plan.keep_best and (best is None or record["score"] > best["score"]):
                    best = {"score": record["score"], "model": _copy(model.state_dict())}
            history.epochs.append(record)
            if checkpoint is not None:
                _save(checkpoint, model, optimiser, history, best)
            left = (time.monotonic() - started) / (epoch + 1 - before) * (plan.epochs - epoch - 1)
            (progress or _log)(record | {"epochs": plan.epochs, "seconds_left": left})
    if best is not None:
        model.load_state_dict(best["model"])
    model.eval()
    return history


def _log(record: dict[str, float]) -> None:
    score = f", score {record['score']:.3f}" if "score" in record else ""
    logger.info(
        "epoch %d of %d: loss %.4f%s, %.0f s left",
        record["epoch"], record["epochs"], record["loss"], score, record["seconds_left"],
    )  # fmt: skip


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def _save(path: str | Path, model: nn.Module, optimiser: torch.optim.Optimizer, history: History, best: Any) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "history": history.epochs, "best": best}
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def _restore(path: str | Path, model: nn.Module, optimiser: torch.optim.Optimizer, device: Any) -> tuple[list, Any]:
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, KeyError, ValueError, EOFError, UnpicklingError) as error:
        raise InputError(
            "the checkpoint is not one of this training; remove it to start anew",
            file=path,
            found=str(error).splitlines()[0],
        ) from error
    logger.info("goes on after epoch %d of %s", len(state["history"]), path)
    return state["history"], state["best"]
