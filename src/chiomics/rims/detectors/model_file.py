"""A trained detector as a file: arrays in safetensors and a JSON card, for networks, forests and the baseline alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.learning.weights import fill_network, load_arrays, save_model
from chiomics.core.provenance import settings_of_model
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.forest import Forest, read_features
from chiomics.rims.detectors.lesions import CHI_UNIT_PPB, Lesions
from chiomics.rims.detectors.scaling import Scaler
from chiomics.rims.detectors.training import MeanChi

FORMAT = "chiomics rim detector 1"
NOTICE = "Research use only: no output of this detector supports a diagnosis."
#: Arrays of a `Scaler`, in its order.
SCALES = ("median", "mean", "sd", "image_mean", "image_sd")
#: Arrays of a forest: where its trees begin, and per node of all trees its children, question and answer.
FOREST = ("roots", "left", "right", "feature", "limit", "share")
#: Prefix of the arrays that are weights of a network.
WEIGHTS = "weights."


def save_detector(
    path: str | Path, arm: str, detector: Any, settings: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Write a detector.

    Parameters
    ----------
    path : path-like
        Ends in `.safetensors`.
    arm : str
        Its name in `ARMS`.
    detector : Network, Forest or MeanChi
        Trained.
    settings : mapping
        Of `arms.complete_settings`.
    facts : mapping
        What the card says of the training: thresholds, cohort, performance, whether simulated.
    """
    arrays: dict[str, Any] = {}
    card: dict[str, Any] = {
        "format": FORMAT,
        "arm": arm,
        "title": ARMS[arm].title,
        "notice": NOTICE,
        "prior": detector.prior,
    }
    card |= {"chi_unit_ppb": CHI_UNIT_PPB, "voxel_size": list(settings["voxel_size"]), "masked": settings["masked"]}
    if isinstance(detector, MeanChi):
        arrays["line"] = np.array(
            [detector.mean, detector.sd, detector.regression.coef_[0, 0], detector.regression.intercept_[0]]
        )
    else:
        arrays |= {f"scaler.{name}": getattr(detector.scaler, name) for name in SCALES}
        card["features"] = detector.scaler.names
    if isinstance(detector, Forest):
        arrays |= _forest_arrays(detector)
    elif not isinstance(detector, MeanChi):
        arrays |= {WEIGHTS + name: tensor for name, tensor in detector.model.state_dict().items()}
        kept = ("size", "fusion", "deepsmote", "aprl_nn_deepsmote", "augmentation", "batch", "sampler")
        card["network"] = {key: settings[key] for key in kept}
    save_model(path, arrays, card | {"settings": settings_of_model(settings)} | dict(facts))


@dataclass(frozen=True)
class LoadedForest:
    """A forest as arrays: nodes of all trees one after the other, a leaf where `left` is negative."""

    scaler: Scaler
    which: str
    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    limit: np.ndarray
    share: np.ndarray
    prior: float

    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return what `Forest.predict` gives."""
        x = self.scaler.transform(read_features(lesions, self.which))
        at = np.repeat(self.roots[None], len(x), axis=0)
        while (inner := self.left[at] >= 0).any():
            value = np.take_along_axis(x, np.where(inner, self.feature[at], 0), axis=1)
            step = np.where(value <= self.limit[at], self.left[at], self.right[at])
            at = np.where(inner, step, at)
        trees = len(self.roots)
        return (self.share[at].mean(axis=1) * trees + 0.5) / (trees + 1)


@dataclass(frozen=True)
class LoadedLine:
    """The baseline as four numbers."""

    line: np.ndarray
    prior: float

    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return what `MeanChi.predict` gives."""
        mean, sd, slope, intercept = self.line
        chi = (lesions.table["chi_mean"].to_numpy(float) - mean) / sd
        return 1 / (1 + np.exp(-(slope * chi + intercept)))


def load_detector(path: str | Path, *, device: str = "cpu") -> tuple[Any, dict[str, Any]]:
    """Read a detector and its card.

    Raises
    ------
    InputError
        Where the file is none of this program, or needs PyTorch and there is none.
    """
    arrays, card = load_arrays(path)
    if card.get("format") != FORMAT or card.get("arm") not in ARMS:
        raise InputError("the file is no rim detector", file=path, found=str(card.get("format")), expected=FORMAT)
    _check_sizes(card, path)
    kind = ARMS[card["arm"]].kind
    if kind == "score":
        return LoadedLine(arrays["line"], card["prior"]), card
    scaler = Scaler(card["features"], *(arrays[f"scaler.{name}"] for name in SCALES))
    if kind == "forest":
        _check_forest(arrays, len(scaler.names), path)
        parts = [arrays[name] for name in FOREST]
        return LoadedForest(scaler, ARMS[card["arm"]].features, *parts, card["prior"]), card
    return _load_network(arrays, card, scaler, device, path), card


def _check_sizes(card: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a card whose voxels or patch would take any memory that there is."""
    for key, least, most in (("voxel_size", 0.1, 10), ("patch", 1, 256)):
        given = card.get(key, [least] * 3 if key == "patch" else None)
        numbers = isinstance(given, list) and len(given) == 3 and all(type(one) in (int, float) for one in given)
        if not numbers or not all(least <= one <= most for one in given):
            raise InputError(
                f"the card's {key}", file=path, found=str(given)[:80], expected=f"three, {least} to {most}"
            )


def _check_forest(arrays: Mapping[str, np.ndarray], features: int, path: str | Path) -> None:
    """Refuse trees of a stranger that lead nowhere, or in a circle, which would be walked for ever."""
    nodes = np.arange(len(arrays["left"]))
    inner = arrays["left"] >= 0
    children = np.stack([arrays["left"][inner], arrays["right"][inner]])
    whole = (
        {arrays[name].shape for name in FOREST[1:]} == {nodes.shape}
        # Children come after their parent, so that every way ends.
        and bool((children > nodes[inner]).all() and (children < len(nodes)).all())
        and bool(((arrays["roots"] >= 0) & (arrays["roots"] < len(nodes))).all() and len(arrays["roots"]))
        and bool(((arrays["feature"] >= 0) & (arrays["feature"] < features)).all())
    )
    if not whole:
        raise InputError("the forest's trees are broken", file=path, expected="nodes whose children come after them")


def _load_network(
    arrays: Mapping[str, np.ndarray], card: Mapping[str, Any], scaler: Scaler, device: str, path: str | Path
) -> Any:
    from chiomics.core.learning.device import torch_missing

    if why := torch_missing():
        raise InputError(f"the detector is a network and {why}")
    import torch

    from chiomics.core.learning.device import choose_device
    from chiomics.core.learning.fit import History
    from chiomics.rims.detectors.network import Network, build_network, memory_order

    settings = {**card["network"], "voxel_size": card["voxel_size"], "masked": card["masked"]}
    weights = {name.removeprefix(WEIGHTS): torch.from_numpy(array) for name, array in arrays.items() if WEIGHTS in name}

    def build() -> Any:
        return build_network(card["arm"], settings, features=len(scaler.names), patch=tuple(card["patch"]))

    model = fill_network(build, weights, path)
    where = choose_device(device)
    model = model.to(where, memory_format=memory_order(where))
    return Network(model.eval(), scaler, settings, card["prior"], History(), where)


def _forest_arrays(forest: Forest) -> dict[str, np.ndarray]:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("left", "right", "feature", "limit", "share")}
    roots, start = [], 0
    for tree in (estimator.tree_ for estimator in forest.classifier.estimators_):
        leaf = tree.children_left < 0
        counts = tree.value[:, 0, :]
        parts["left"].append(np.where(leaf, -1, tree.children_left + start))
        parts["right"].append(np.where(leaf, -1, tree.children_right + start))
        parts["feature"].append(np.where(leaf, 0, tree.feature))
        parts["limit"].append(tree.threshold)
        parts["share"].append(counts[:, 1] / counts.sum(axis=1))
        roots.append(start)
        start += tree.node_count
    kinds = {"left": np.int32, "right": np.int32, "feature": np.int32, "limit": np.float64, "share": np.float64}
    return {"roots": np.array(roots, np.int32)} | {
        name: np.concatenate(parts[name]).astype(kind) for name, kind in kinds.items()
    }
