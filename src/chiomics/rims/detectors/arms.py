"""The detectors that are compared: those of Zhang et al. 2022, their ablations, and two baselines of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chiomics.core.errors import SettingError


@dataclass(frozen=True)
class Arm:
    """One detector.

    Parameters
    ----------
    title : str
        As in figures and tables.
    kind : {"fusion", "rimnet", "forest", "score"}
        A network of `networks.fusion_net` or `networks.rimnet`, a random forest, or one number of each lesion.
    table : str
        Table of the paper that it belongs to, empty for ours.
    images : {"concat", "rimnet", "none"}
        How a network takes χ and FLAIR.
    features : {"all", "first_order", "measures", "none"}
        Which features it reads.
    oversample : bool
        Whether DeepSMOTE or SMOTE adds rim lesions.
    """

    title: str
    kind: str
    table: str = ""
    images: str = "none"
    features: str = "none"
    oversample: bool = False

    @property
    def is_network(self) -> bool:
        """Whether it needs PyTorch."""
        return self.kind in ("fusion", "rimnet")


ARMS = {
    "mean_chi": Arm("mean χ alone", "score"),
    "reference": Arm("forest, nine shape-aware measures", "forest", features="measures"),
    "aprl_nn": Arm("APRL (NN)", "fusion", "2", features="all", oversample=True),
    "aprl_rf": Arm("APRL (RF)", "forest", "2", features="first_order", oversample=True),
    "aprl_rf_plain": Arm("APRL (RF) without SMOTE", "forest", "text", features="first_order"),
    "rimnet": Arm("RimNet", "rimnet", "2", images="rimnet"),
    "qsmrim": Arm("QSMRim-Net", "fusion", "2, 3", images="concat", features="all", oversample=True),
    "ablation_image": Arm("images fused as RimNet does", "fusion", "3", images="rimnet"),
    "ablation_plain": Arm("images as channels", "fusion", "3", images="concat"),
    "ablation_radiomics": Arm("images as channels, radiomics", "fusion", "3", images="concat", features="all"),
}
#: The arms by which the paper's methods are ordered and its curves drawn.
PUBLISHED = ("aprl_nn", "aprl_rf", "rimnet", "qsmrim")
BASELINE = "mean_chi"

#: What the size sets where the configuration leaves it open.
BY_SIZE: dict[str, dict[str, Any]] = {
    "published": {
        "arms": list(ARMS), "seeds": 3, "epochs": 40, "learning_rate": 1e-4, "optimiser": "adam", "sampler": "random",
        "inner": True, "inner_seeds": 3, "augmentation": {},
    },
    "demo": {
        "arms": ["mean_chi", "reference", "aprl_nn", "aprl_rf", "qsmrim"], "seeds": 1, "epochs": 10,
        "learning_rate": 3e-3, "optimiser": "adamw", "sampler": "stratified", "inner": True, "inner_seeds": 1,
        "augmentation": {"affine": 0.5, "blur": 0.0},
    },
}  # fmt: skip


def complete_settings(given: Mapping[str, Any], *, simulated: bool | str, torch: bool) -> dict[str, Any]:
    """Fill in what the configuration leaves open, and leave networks out where there is no PyTorch.

    Parameters
    ----------
    given : mapping
        `papers.zhang2022` of the configuration.
    simulated : bool or str
        Whether the lesions are simulated, or how many of them: `size: auto` is then `demo`.
    torch : bool
        Whether PyTorch is installed.

    Returns
    -------
    dict
        All settings; `left_out` names the arms that cannot be trained here.

    Raises
    ------
    SettingError
        For an unknown arm.
    """
    settings = dict(given)
    if settings["size"] == "auto":
        settings["size"] = "demo" if simulated is True else "published"
    for key, value in BY_SIZE[settings["size"]].items():
        if settings.get(key) is None:
            settings[key] = value
    settings["inner_seeds"] = min(settings["inner_seeds"], settings["seeds"])
    if unknown := sorted(set(settings["arms"]) - set(ARMS)):
        raise SettingError("papers.zhang2022.arms: unknown", found=", ".join(unknown), expected=", ".join(ARMS))
    asked = [arm for arm in ARMS if arm in settings["arms"] or arm == BASELINE]
    settings["left_out"] = [arm for arm in asked if ARMS[arm].is_network and not torch]
    settings["arms"] = [arm for arm in asked if arm not in settings["left_out"]]
    settings["final"] = [arm for arm in settings["final"] if arm in settings["arms"]]
    return settings


def list_trainings(settings: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """List every arm, fold and seed; an arm without chance is trained once per fold."""
    return [
        (arm, fold, seed)
        for arm in settings["arms"]
        for fold in range(settings["folds"])
        for seed in range(settings["seeds"] if ARMS[arm].is_network else 1)
    ]


def batches(trainings: Sequence[tuple[str, int, int]], size: int) -> list[list[tuple[str, int, int]]]:
    """Cut trainings into batches, so that one process takes several."""
    return [list(trainings[start : start + size]) for start in range(0, len(trainings), size)]
