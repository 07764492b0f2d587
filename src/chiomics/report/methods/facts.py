"""What the sidecars of a run say of how it was made, counted over sessions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chiomics.core.files import read_sidecar


@dataclass
class Facts:
    """How often what was used, by the name of a field of the sidecars.

    Attributes
    ----------
    counts : dict of str to Counter
        By name, how many files say which value; a value that is no text stands as JSON.
    """

    counts: dict[str, Counter] = field(default_factory=dict)

    def add(self, name: str, value: Any) -> None:
        """Count a value; None says nothing."""
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
            self.counts.setdefault(name, Counter())[text] += 1

    def values(self, name: str) -> list[str]:
        """Return the values of a field, the commonest first."""
        counts = self.counts.get(name, Counter())
        return sorted(counts, key=lambda value: (-counts[value], value))

    def say(self, name: str, *, unit: str = "") -> str:
        """Return the values with how often, where there are several: ``a in 20, b in 4``."""
        values = self.values(name)
        if len(values) < 2:
            return "".join(f"{value}{unit}" for value in values)
        return ", ".join(f"{value}{unit} in {self.counts[name][value]}" for value in values)

    def objects(self, name: str) -> list[dict]:
        """Return the values of a field that are JSON objects."""
        return [json.loads(value) for value in self.values(name)]


def read_map_facts(sidecars: Iterable[str | Path]) -> Facts:
    """Count what the sidecars of susceptibility maps say.

    Parameters
    ----------
    sidecars : iterable of path-like
        One JSON per map.

    Returns
    -------
    Facts
        Of the chain once per map; ``Parameters <inversion>`` by inversion.
    """
    facts = Facts()
    for path in sorted(map(str, sidecars)):
        said = read_sidecar(path)
        for name in (
            *("InputKind", "PhaseChain", "PhaseChainParameters", "BackgroundRemoval", "BipolarCorrection", "EchoTimes"),
            *("MagneticFieldStrength", "Inversion", "DataWeights", "Reference", "ReferenceTrusted", "StageVersion"),
        ):
            facts.add(name, said.get(name))
        used = said.get("PhaseChainParameters") or {}
        if said.get("InputKind") != "field_map":
            facts.add("unwrap", used.get("unwrap"))
        if len(said.get("EchoTimes") or []) > 1:  # of one echo, or one difference, there is nothing to combine
            facts.add("combine", used.get("combine"))
        facts.add("BrainMaskSource", _how_masked(said.get("BrainMaskSource")))
        facts.add("EchoSet", f"{said.get('EchoSet')}: {_echoes(said.get('Echoes'))}")
        facts.add(f"Parameters {said.get('Inversion')}", said.get("InversionParameters"))
        facts.add("Version", _version(said))
    return facts


def read_anatomy_facts(sidecars: Iterable[str | Path]) -> Facts:
    """Count what the sidecars of sessions' anatomy say."""
    facts = Facts()
    for path in sorted(map(str, sidecars)):
        said = read_sidecar(path)
        parts = said.get("Segmentation", {})
        for name in ("AnatomicalImage", "BrainExtraction"):
            facts.add(name, parts.get(name))
        for name in ("Lesions", "Tissue"):
            facts.add(name, _of_whom(parts.get(name, {}).get("Source")))
            facts.add(f"{name} settings", parts.get(name, {}).get("Settings"))
        facts.add("Nuclei", _of_whom(said.get("Nuclei", {}).get("Atlas") or said.get("Nuclei", {}).get("Source")))
        for name in ("Nuclei", "Tracts"):
            facts.add(f"{name} citation", said.get(name, {}).get("AtlasCitation"))
        facts.add("Tracts", said.get("Tracts", {}).get("TractRoute"))
        facts.add("Tract atlas", said.get("Tracts", {}).get("Atlas"))
        for name in parts.get("Registrations", {}):
            facts.add("Registrations", name)
        facts.add("StageVersion", said.get("StageVersion"))
    return facts


def read_feature_facts(sidecars: Iterable[str | Path]) -> Facts:
    """Count what the sidecars of tables of features say."""
    facts = Facts()
    for path in sorted(map(str, sidecars)):
        said = read_sidecar(path)
        for preset, settings in said.get("Settings", {}).get("presets", {}).items():
            facts.add("Preset", preset)
            facts.add(f"Preset {preset}", settings)
        facts.add("Engine", said.get("Settings", {}).get("engine"))
        facts.add("Version", _version(said))
        facts.add("StageVersion", said.get("StageVersion"))
    return facts


def _echoes(numbers: Sequence[int] | None) -> str:
    return "echo " + ", ".join(map(str, numbers)) if numbers else "n/a"


def _version(said: Mapping[str, Any]) -> str | None:
    made = said.get("GeneratedBy") or [{}]
    return made[0].get("Version")


def _of_whom(source: str | None) -> str | None:
    """Return a source without the name of a file: every session has another."""
    return "the user's own" if source and "." in source and "/" not in source and " " not in source else source


def _how_masked(source: str | None) -> str | None:
    return "the user's own mask" if source and source.endswith((".nii", ".nii.gz")) else source
