"""Weights on disk: safetensors with a JSON card beside them, never pickle.

Arrays of other models, such as a forest's, are kept the same way; only what gives tensors imports PyTorch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from chiomics.core.errors import InputError, say_cause
from chiomics.core.files import atomic_write, read_sidecar, write_sidecar

if TYPE_CHECKING:
    import torch
    from torch import nn


def save_model(path: str | Path, tensors: Mapping[str, torch.Tensor | np.ndarray], card: Mapping[str, Any]) -> None:
    """Write weights, and the card that says what they are.

    Parameters
    ----------
    path : path-like
        File ending in `.safetensors`; the card lies beside it, ending in `.json`.
    tensors : mapping
        By name, such as a state dict; tensors or arrays.
    card : mapping
        What a user must know: inputs, units, scales, training cohort. The checksum of the weights is added.
    """
    content = safetensors.numpy.save({name: _as_array(tensor) for name, tensor in tensors.items()})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    write_sidecar(card_path(path), {**card, "weights_sha256": hashlib.sha256(content).hexdigest()})


def load_model(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read weights as tensors, and their card; raises as `load_arrays`."""
    import torch

    arrays, card = load_arrays(path)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, card


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read weights as arrays, and their card.

    Raises
    ------
    InputError
        Where one of the files cannot be read or the weights are not those of the card.
    """
    try:
        content = Path(path).read_bytes()
        arrays = safetensors.numpy.load(content)
    except (OSError, SafetensorError) as error:
        raise InputError(
            "the weights cannot be read", file=path, found=say_cause(error), expected="safetensors"
        ) from error
    card = read_sidecar(card_path(path), what="card of the weights")
    if card.get("weights_sha256") != hashlib.sha256(content).hexdigest():
        raise InputError("the weights are not those that the card describes", file=card_path(path))
    return {name: array.copy() for name, array in arrays.items()}, card


def fill_network(build: Callable[[], nn.Module], state: Mapping[str, torch.Tensor], path: str | Path) -> nn.Module:
    """Build the network that a card describes, once its weights are known to be of that network's shapes.

    Before that nothing is allocated, so that a card of a stranger takes no more memory than the weights beside it.

    Parameters
    ----------
    build : callable
        Builds the network from the card.
    state : mapping
        Weights by name.
    path : path-like
        Their file, for the message.

    Returns
    -------
    torch.nn.Module
        With the weights.

    Raises
    ------
    InputError
        Where the card describes no network, or the weights are those of another.
    """
    import torch

    try:
        with torch.device("meta"):
            expected = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise InputError(
            "the card describes no network", file=card_path(path), found=f"{type(error).__name__}: {error}"
        ) from error
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if found != expected:
        wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))[0]
        raise InputError(
            "the weights do not fit the card", file=path, found=f"{wrong}: {found.get(wrong, 'none')}",
            expected=str(expected.get(wrong, "none")),
        )  # fmt: skip
    network = build()
    network.load_state_dict(dict(state))
    return network


def card_path(path: str | Path) -> Path:
    """Name the card of a weights file."""
    return Path(path).with_suffix(".json")


def load_pretrained(model: nn.Module, path: str | Path, *, last: tuple[str, ...] = ("fc.weight", "fc.bias")) -> None:
    """Load a user's state dict, such as torchvision's of ImageNet, into a network with the same names.

    The last layer keeps its new values. Where the first convolution has another number of input channels, its kernels
    are averaged over theirs and scaled so that equal images in all channels give the same output as before.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    path : path-like
        `.safetensors`, or a file of `torch.save` that holds tensors alone: nothing else in it is read.
    last : tuple of str
        Names that are left as they are.

    Raises
    ------
    InputError
        Where the file cannot be read, or its names or shapes are not those of the network.
    """
    state, own = _read_state(path), model.state_dict()
    state = {name: tensor for name, tensor in state.items() if name not in last}
    expected = {name for name in own if name not in last and not name.endswith("num_batches_tracked")}
    given = {name for name in state if not name.endswith("num_batches_tracked")}
    if expected != given:
        raise InputError(
            "the weights are those of another network", file=path,
            found=f"{len(given - expected)} unknown names ({_few(given - expected)})",
            expected=f"{len(expected - given)} more ({_few(expected - given)})",
        )  # fmt: skip
    first = state["conv1.weight"] if "conv1.weight" in own else None
    if first is not None and first.shape[1] != own["conv1.weight"].shape[1]:
        channels = own["conv1.weight"].shape[1]
        state["conv1.weight"] = first.sum(dim=1, keepdim=True).expand(-1, channels, *first.shape[2:]) / channels
    wrong = [name for name in expected if state[name].shape != own[name].shape]
    if wrong:
        raise InputError(
            "a layer has another shape", file=path, found=f"{wrong[0]} {tuple(state[wrong[0]].shape)}",
            expected=str(tuple(own[wrong[0]].shape)),
        )  # fmt: skip
    model.load_state_dict(own | {name: state[name] for name in expected})


def _few(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3]) or "none"


def _as_array(tensor: torch.Tensor | np.ndarray) -> np.ndarray:
    return np.asarray(tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy(), order="C")


def _read_state(path: str | Path) -> dict[str, torch.Tensor]:
    import torch
    from safetensors.torch import load

    try:
        if Path(path).suffix == ".safetensors":
            return load(Path(path).read_bytes())
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            "the pretrained weights cannot be read", file=path, found=str(error).splitlines()[0],
            expected="a state dict, as safetensors or of torch.save",
        ) from error  # fmt: skip
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise InputError("the file holds no state dict", file=path, expected="tensors by their names")
    return state
