"""Which models are compared, and the jobs that evaluate them (Yan et al. 2021, Model). Imports nothing heavy.

One model per nucleus from radiomics alone, one from demographics alone, and the hybrid of one nucleus' features and the
demographic variables. Others come from the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from chiomics.core.errors import SettingError
from chiomics.core.settings import complete_section
from chiomics.diagnosis.contracts import SCHEMES
from chiomics.diagnosis.settings import Settings

DEMOGRAPHIC, HYBRID = "demographics", "hybrid"


@dataclass(frozen=True)
class Model:
    """One model of the comparison.

    Attributes
    ----------
    name : str
        Its name in every table.
    regions : tuple of str
        Regions whose features it may select from; empty for demographics alone.
    demographics : tuple of str
        Variables that enter it without selection.
    best_region : bool
        Select within the one region of least AIC on the training subjects.
    whitelist : str, optional
        TSV of the radiomic features it may select from.
    main : bool
        False for the models that only serve the analysis of confounding.
    """

    name: str
    regions: tuple[str, ...] = ()
    demographics: tuple[str, ...] = ()
    best_region: bool = False
    whitelist: str | None = None
    main: bool = True

    @property
    def kind(self) -> str:
        """``radiomic``, ``demographic`` or ``hybrid``."""
        return "hybrid" if self.regions and self.demographics else "radiomic" if self.regions else "demographic"


def list_models(settings: dict) -> dict[str, Model]:
    """List the models of the study: one per nucleus, demographics, hybrid, the user's own, and those of confounding.

    Parameters
    ----------
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    dict of str to Model
        In the order of the tables.
    """
    nuclei, demographics = settings["nuclei"], tuple(settings["demographics"])
    models = [Model(name, (name,), whitelist=settings["whitelist"]) for name in nuclei]
    best = settings["hybrid_nucleus"] == "best"
    regions = tuple(nuclei) if best else (settings["hybrid_nucleus"],)
    if demographics:
        models.append(Model(DEMOGRAPHIC, (), demographics))
        models.append(Model(HYBRID, regions, demographics, best, settings["whitelist"]))
    for left_out in settings["confounders"] if demographics else ():
        absent = set(left_out) - set(demographics)
        if absent:
            raise SettingError("confounders that are not among the demographics", found=", ".join(sorted(absent)))
        kept = tuple(name for name in demographics if name not in left_out)
        suffix = "_without_" + "_".join(left_out)
        if kept:
            models.append(Model(DEMOGRAPHIC + suffix, (), kept, main=False))
        models.append(Model(HYBRID + suffix, regions, kept, best, settings["whitelist"], main=False))
    for name, parts in settings["models"].items():
        own = {key: tuple(parts.get(key, ())) for key in ("regions", "demographics")}
        models.append(Model(name, **own, whitelist=parts.get("whitelist", settings["whitelist"])))
    named = {model.name: model for model in models}
    if len(named) < len(models):
        raise SettingError("two models have the same name", found=", ".join(model.name for model in models))
    return named


def needed_regions(settings: dict) -> list[str]:
    """List the regions that any model reads."""
    return list(dict.fromkeys(region for model in list_models(settings).values() for region in model.regions))


def complete_settings(settings: dict) -> dict:
    """Fill in the defaults and refuse what is unknown.

    Parameters
    ----------
    settings : dict
        What lies below ``papers.yan2021`` in the configuration.

    Returns
    -------
    dict
        Every key of `diagnosis.settings.Settings`.
    """
    spelt = {key: settings[key] for key in ("groups", "positive") if key in settings}
    spelt = {key: str(value) if key == "positive" else [str(group) for group in value] for key, value in spelt.items()}
    return complete_section(Settings, {**settings, **spelt}, where="papers.yan2021")


def count_repeats(settings: dict, scheme: str) -> int:
    """Return how many repeats a scheme has: one where it is as published, or where groups leave nothing to shuffle."""
    return 1 if scheme == "as_published" or settings["groups_column"] else settings["repeats"]


def list_jobs(settings: dict) -> dict[str, list[tuple[str, str, int]]]:
    """List the jobs, each a model, a scheme and the number of its chunk.

    Returns
    -------
    dict of str to list
        ``evaluate`` (chunks of repeats) and ``permute`` (chunks of permutations, main models alone).
    """
    evaluate, permute = [], []
    for name, model in list_models(settings).items():
        for scheme in SCHEMES:
            repeats = count_repeats(settings, scheme)
            evaluate += [(name, scheme, part) for part in range(-(-repeats // settings["repeats_per_job"]))]
            if model.main:
                chunks = -(-settings["permutations"] // settings["permutations_per_job"])
                permute += [(name, scheme, part) for part in range(chunks)]
    return {"evaluate": evaluate, "permute": permute}


def chunk(total: int, size: int, number: int) -> range:
    """Return the members of a chunk of `size`."""
    return range(number * size, min((number + 1) * size, total))
