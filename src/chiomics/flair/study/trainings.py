"""What a study runs: its complete settings, its arms, and the list of trainings that jobs share out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chiomics.core.errors import SettingError
from chiomics.flair.settings import ARMS as WANG_ARMS
from chiomics.flair.settings import IMAGES as INPUTS
from chiomics.flair.settings import REFERENCE_ARM

#: Scheme of a training on all scanners but one.
SCANNER_OUT = "scanner_out"
TITLES = {
    "3d-18": "3-D ResNet-18",
    "3d-34": "3-D ResNet-34",
    "2v-18": "two-view ResNet-18",
    "2v-34": "two-view ResNet-34",
    "2v-18-imagenet": "two-view ResNet-18, ImageNet",
    "2v-34-imagenet": "two-view ResNet-34, ImageNet",
    "2v-18-heads": "two-view ResNet-18, simulated heads",
    "seok": "five-channel ResNet-18",
    "lesion_load": "lesion volume, number and periventricular share",
    "lesion_volume": "lesion volume alone",
    "lesion_sites": "lesion volume in 16 mm cells, ridge",
    "demographics": "age, sex, EDSS and scanner",
}


@dataclass(frozen=True)
class Training:
    """One training of one network.

    Parameters
    ----------
    study : {"wang2020", "seok2023"}
        Whose recipe.
    arm : str
        Network and initial weights.
    input : str
        One of `INPUTS`.
    decay : float
        Factor of the learning rate at every ten epochs; 1 where the paper has none.
    scheme : str
        ``as_published`` or ``nested``; for Seok et al. ``as_published`` alone; `SCANNER_OUT` for both.
    labels : int
        0 for the true labels, else the number of the permutation.
    repeat, fold : int
        From 0; where a scanner is left out, the fold is its place in the list ``scanners``.
    """

    study: str
    arm: str
    input: str
    decay: float
    scheme: str
    labels: int
    repeat: int
    fold: int

    def record(self) -> dict[str, Any]:
        """Return the fields as columns of a table."""
        return asdict(self)


def runs_of_wang(settings: Mapping[str, Any]) -> list[str]:
    """Name the arms that can be trained: those from ImageNet need the user's weights."""
    weights = settings["pretrained"]
    return [arm for arm in settings["arms"] if not arm.endswith("imagenet") or weights.get(arm.split("-")[1])]


def left_out_of_wang(settings: Mapping[str, Any]) -> dict[str, str]:
    """Say which arms are not run, and why."""
    left = [arm for arm in settings["arms"] if arm not in runs_of_wang(settings)]
    return {arm: f"not run: no weights given (papers.wang2020.pretrained.{arm.split('-')[1]})" for arm in left}


def weights_of_wang(settings: Mapping[str, Any]) -> dict[str, str]:
    """Say from which file each arm with the user's weights started."""
    found = {}
    for arm in runs_of_wang(settings):
        if arm.endswith("imagenet"):
            path = Path(settings["pretrained"][arm.split("-")[1]])
            found[arm] = f"started from {path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


def list_wang_trainings(settings: Mapping[str, Any]) -> list[Training]:
    """List the trainings of Wang et al. 2020: main comparison, supplements of the reference arm, permuted labels."""
    check_choice("arms", settings["arms"], WANG_ARMS)
    check_choice("input", [settings["input"], *settings["inputs"]], INPUTS)
    decay, *other_decays = settings["decays"]
    folds, found = range(settings["folds"]), []

    def add(arm: str, image: str, rate: float, scheme: str, labels: int, repeats: int) -> None:
        for repeat in range(repeats):
            found.extend(Training("wang2020", arm, image, rate, scheme, labels, repeat, fold) for fold in folds)

    schemes = ("as_published", "nested")
    for arm in runs_of_wang(settings):
        for scheme in schemes:
            add(arm, settings["input"], decay, scheme, 0, settings["repeats"])
    few = settings["supplement_repeats"]
    for scheme in schemes:
        for image in settings["inputs"]:
            if image != settings["input"]:
                add(REFERENCE_ARM, image, decay, scheme, 0, few)
        for rate in other_decays:
            add(REFERENCE_ARM, settings["input"], rate, scheme, 0, few)
        for number in range(1, settings["permutations"] + 1):
            add(REFERENCE_ARM, settings["input"], decay, scheme, number, 1)
    return found + _without_scanners("wang2020", settings, decay)


def list_seok_trainings(settings: Mapping[str, Any]) -> list[Training]:
    """List the trainings of Seok et al. 2023: test draws times folds, supplements, permuted labels."""
    check_choice("input", [settings["input"], *settings["inputs"]], INPUTS)
    found = []

    def add(image: str, labels: int, tests: int) -> None:
        for repeat in range(tests):
            for fold in range(settings["folds"]):
                found.append(Training("seok2023", "seok", image, 1.0, "as_published", labels, repeat, fold))

    add(settings["input"], 0, settings["tests"])
    for image in settings["inputs"]:
        if image != settings["input"]:
            add(image, 0, settings["supplement_tests"])
    for number in range(1, settings["permutations"] + 1):
        add(settings["input"], number, settings["permutation_tests"])
    return found + _without_scanners("seok2023", settings, 1.0)


def main_arm(study: str) -> str:
    """Name the network that supplements, confounders and cases look at."""
    return REFERENCE_ARM if study == "wang2020" else "seok"


def _without_scanners(study: str, settings: Mapping[str, Any], decay: float) -> list[Training]:
    """List one training per scanner that is left out; the workflow knows the scanners of its cohort."""
    numbers = range(len(settings.get("scanners", ())))
    return [Training(study, main_arm(study), settings["input"], decay, SCANNER_OUT, 0, 0, number) for number in numbers]


def list_trainings(study: str, settings: Mapping[str, Any]) -> list[Training]:
    """List the trainings of a paper."""
    return {"wang2020": list_wang_trainings, "seok2023": list_seok_trainings}[study](settings)


def attention_arms(study: str) -> tuple[str, ...]:
    """Name the networks whose maps are scored; those of the first are drawn."""
    return {"wang2020": ("3d-18", REFERENCE_ARM), "seok2023": ("seok",)}[study]


def keeps_model(training: Training, settings: Mapping[str, Any]) -> bool:
    """Say whether a trained network is kept to see where it looks: the first repeat, true labels, a fair scheme."""
    fair = training.scheme == ("nested" if training.study == "wang2020" else "as_published")
    first = training.repeat == 0 and training.labels == 0 and training.decay == settings.get("decays", [1.0])[0]
    return fair and first and training.arm in attention_arms(training.study)


def name_of_model(training: Training) -> str:
    """Name the file of a kept network."""
    return f"{training.arm}_{training.input}_fold-{training.fold}.safetensors"


def check_choice(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a word that a setting does not know."""
    if unknown := sorted(set(given) - set(known)):
        raise SettingError(f"unknown {name}", found=", ".join(unknown), expected=", ".join(known))
