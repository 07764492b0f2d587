"""A cohort's recipe: everything that decides which subjects are simulated and how.

`defaults.yaml` holds every key with its unit and source, `profiles.yaml` the acquisitions. A recipe of the user's own
names only what it changes; a key that the defaults lack is refused. Sessions and their files follow from the recipe
alone, so that a workflow knows them before anything is simulated.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from chiomics.core.bids import build_name
from chiomics.core.errors import InputError, say_cause
from chiomics.core.settings.renamed import check_renamed
from chiomics.core.settings.yaml_loader import PlainLoader
from chiomics.core.units import MAX_FIELD_STRENGTH
from chiomics.phantom.demographics import GROUPS, draw_participant, known_demographics
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.lesions.kinds import check_kinds

#: Keys whose content a recipe replaces as a whole instead of merging into the default.
REPLACED = ("groups", "effects", "acquisition")
EFFECT_KEYS = {"mean_d", "texture_d", "support"}


@dataclass(frozen=True)
class Session:
    """One simulated subject as the recipe foretells it.

    Attributes
    ----------
    participant_id : str
        With its prefix, e.g. ``sub-MS01``.
    participant : dict
        The row of ``participants.tsv``.
    files : tuple of str
        Paths relative to the BIDS folder, without the truth.
    truth_files : tuple of str
        Paths relative to the BIDS folder, below ``derivatives/truth``.
    echo_times : tuple of float
        In s.
    field_strength : float
        In T.
    shape : tuple of int
        Matrix of the GRE.
    voxel_size : tuple of float
        In mm.
    """

    participant_id: str
    participant: dict
    files: tuple[str, ...]
    truth_files: tuple[str, ...]
    echo_times: tuple[float, ...]
    field_strength: float
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]


def load_recipe(recipe: str | Path | dict | None = None) -> dict:
    """Complete a recipe with the defaults and check it.

    Parameters
    ----------
    recipe : path-like, dict or None
        YAML file, or its content, or None for the demonstration cohort. An already completed recipe comes back equal.

    Returns
    -------
    dict
        Every key of ``defaults.yaml``; ``acquisition`` holds the whole profile with the recipe's overrides.

    Raises
    ------
    InputError
        For a file that cannot be read, an unknown key, group, nucleus, profile or value out of range.
    """
    file = None
    if isinstance(recipe, (str, Path)):
        file = recipe
        try:
            recipe = yaml.load(Path(file).read_text(encoding="utf-8-sig"), Loader=PlainLoader) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError("the recipe cannot be read", file=file, found=say_cause(error)) from error
        if not isinstance(recipe, dict):
            raise InputError("the recipe has no keys", file=file, expected="YAML with keys as in defaults.yaml")
    recipe = recipe or {}
    check_renamed(recipe)
    completed = _merge(deepcopy(_packaged("defaults.yaml")), recipe, file=file)
    profiles = packaged_profiles()
    if completed["profile"] not in profiles:
        raise InputError(
            "unknown acquisition profile", file=file, found=str(completed["profile"]), expected=", ".join(profiles)
        )
    completed["acquisition"] = _merge(
        deepcopy(profiles[completed["profile"]]), completed["acquisition"], where="acquisition.", file=file
    )
    _check(completed, file)
    return completed


def list_sessions(recipe: dict | str | Path | None = None) -> list[Session]:
    """List the subjects of a recipe and their files, without simulating anything.

    Parameters
    ----------
    recipe : dict or path-like, optional
        As `load_recipe` takes it.

    Returns
    -------
    list of Session
        In the order of ``participants.tsv``.
    """
    recipe = load_recipe(recipe)
    sessions = []
    for group, count in recipe["groups"].items():
        for number in range(1, count + 1):
            participant_id = f"sub-{group}{number:0{max(2, len(str(count)))}d}"
            participant = draw_participant(
                random_stream(recipe, participant_id, "demographics"), group, recipe["demographics"][group]
            )
            sessions.append(foretell_session(recipe, participant_id, participant))
    return sessions


def foretell_session(recipe: dict, participant_id: str, participant: dict) -> Session:
    """Say which files a subject of a completed recipe has."""
    acquisition = recipe["acquisition"]
    return Session(
        participant_id,
        {"participant_id": participant_id, **participant},
        tuple(_files(participant_id, len(acquisition["echo_times"]), recipe["dwi"])),
        tuple(_truth_files(participant_id)),
        tuple(acquisition["echo_times"]),
        acquisition["field_strength"],
        tuple(acquisition["shape"]),
        tuple(acquisition["voxel_size"]),
    )


def find_session(recipe: dict, participant_id: str) -> Session:
    """Return one subject of a recipe; `participant_id` with or without ``sub-``."""
    wanted = "sub-" + participant_id.removeprefix("sub-")
    sessions = list_sessions(recipe)
    for session in sessions:
        if session.participant_id == wanted:
            return session
    raise InputError(
        "the recipe has no such subject", found=wanted, expected=", ".join(s.participant_id for s in sessions)
    )


def random_stream(recipe: dict, participant_id: str, purpose: str) -> np.random.Generator:
    """Return the random numbers of one subject for one purpose; streams do not depend on one another."""
    digest = hashlib.sha256(f"{participant_id}/{purpose}".encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([recipe["seed"], int.from_bytes(digest[:16], "little")]))


def _files(participant_id: str, echoes: int, dwi: bool) -> list[str]:
    sub = participant_id.removeprefix("sub-")
    stems = [
        build_name("MEGRE", "", sub=sub, echo=echo, part=part)
        for echo in range(1, echoes + 1)
        for part in ("mag", "phase")
    ]
    stems += [build_name(suffix, "", sub=sub) for suffix in ("T1w", "FLAIR")]
    files = [f"{participant_id}/anat/{stem}{ending}" for stem in stems for ending in (".nii.gz", ".json")]
    if dwi:
        stem = build_name("dwi", "", sub=sub)
        files += [f"{participant_id}/dwi/{stem}{ending}" for ending in (".nii.gz", ".json", ".bval", ".bvec")]
    return files


def _truth_files(participant_id: str) -> list[str]:
    sub = participant_id.removeprefix("sub-")
    names = [
        build_name("Chimap", sub=sub),
        build_name("R2starmap", sub=sub),
        build_name("fieldmap", sub=sub, desc="total"),
        build_name("fieldmap", sub=sub, desc="local"),
        build_name("mask", sub=sub, desc="brain"),
        build_name("dseg", sub=sub, desc="truth"),
        build_name("dseg", ".tsv", sub=sub, desc="truth"),
        build_name("dseg", sub=sub, desc="dgm"),
        build_name("dseg", ".tsv", sub=sub, desc="dgm"),
        build_name("mask", sub=sub, desc="nawm"),
        build_name("dseg", sub=sub, desc="lesions"),
        build_name("dseg", ".tsv", sub=sub, desc="lesions"),
        build_name("warp", sub=sub, desc="mni"),
        build_name("truth", ".json", sub=sub),
    ]
    names += [
        build_name("mask", sub=sub, hemi=hemi, label=tract)
        for hemi in "LR"
        for tract in ("AF", "CST", "FAT", "IFOF", "OR", "UF")
    ]
    return [f"derivatives/truth/{participant_id}/anat/{name}" for name in names]


def packaged_profiles() -> dict:
    """Return the acquisition profiles by name; not to be changed."""
    return _packaged("profiles.yaml")


@lru_cache(maxsize=2)
def _packaged(name: str) -> dict:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _merge(default: dict, override: dict, *, where: str = "", file: str | Path | None = None) -> dict:
    """Lay a recipe over the defaults, refusing keys that these lack and values of another kind."""
    if not isinstance(override, dict):
        raise InputError(f"{where or 'the recipe'} must be a mapping", file=file, found=repr(override))
    for key, value in override.items():
        if key not in default:
            raise InputError(
                "unknown key in the recipe", file=file, found=f"{where}{key}", expected=", ".join(map(str, default))
            )
        if isinstance(default[key], dict) and not (where == "" and key in REPLACED):
            default[key] = _merge(default[key], value, where=f"{where}{key}.", file=file)
            continue
        numbers = isinstance(default[key], (int, float)) and not isinstance(default[key], bool)
        kind = (int, float) if numbers else type(default[key])
        if not isinstance(value, kind) or (numbers and isinstance(value, bool)):
            raise InputError(
                f"{where}{key} has the wrong type",
                file=file,
                found=repr(value),
                expected="a number" if numbers else type(default[key]).__name__,
            )
        default[key] = value
    return default


def _check(recipe: dict, file: str | Path | None) -> None:
    """Check what a merge cannot: names of groups and nuclei, signs and ranges."""

    def refuse(problem: str, found: object, expected: str) -> None:
        raise InputError(problem, file=file, found=str(found), expected=expected)

    def check_drawn_from(where: str, lesions: dict) -> None:
        if lesions["drawn_from"] not in ("recipe", "masks"):
            refuse(f"{where}.drawn_from is unknown", lesions["drawn_from"], "recipe or masks")

    for group, count in recipe["groups"].items():
        if group not in GROUPS:
            refuse("unknown group", group, ", ".join(GROUPS))
        if not isinstance(count, int) or count < 0:
            refuse(f"groups.{group} is not a count", count, "an integer, 0 or more")
        if (recipe["demographics"][group], group) not in known_demographics():
            refuse("no such demographics", f"{recipe['demographics'][group]} for {group}", str(known_demographics()))
    if not isinstance(recipe["seed"], int) or recipe["seed"] < 0:
        refuse("seed is not usable", recipe["seed"], "an integer, 0 or more")
    for group, effects in recipe["effects"].items():
        if group not in GROUPS:
            refuse("unknown group in effects", group, ", ".join(GROUPS))
        for nucleus, effect in effects.items():
            if nucleus not in NUCLEI:
                refuse(f"unknown nucleus in effects.{group}", nucleus, ", ".join(NUCLEI))
            if set(effect) - EFFECT_KEYS or "support" not in effect:
                refuse(f"effects.{group}.{nucleus} has wrong keys", sorted(effect), "mean_d, texture_d and a support")
    acquisition = recipe["acquisition"]
    echo_times = acquisition["echo_times"]
    if not echo_times or sorted(set(echo_times)) != echo_times or echo_times[0] <= 0:
        refuse("acquisition.echo_times must rise from above 0", echo_times, "seconds, shortest first")
    if echo_times[-1] >= acquisition["repetition_time"]:
        refuse("the last echo is not before the repetition time", echo_times[-1], "seconds; is it in ms?")
    for key, low in (("voxel_size", 0.2), ("shape", 16), ("oversampling", 1.0), ("structural_voxel_size", 0.4)):
        if len(acquisition[key]) != 3 or min(acquisition[key]) < low:
            refuse(f"acquisition.{key} is not usable", acquisition[key], f"three numbers, at least {low}")
    if len(acquisition["obliquity"]) != 3:
        refuse("acquisition.obliquity is not usable", acquisition["obliquity"], "three angles in degrees")
    if not 0 < acquisition["field_strength"] <= MAX_FIELD_STRENGTH:
        refuse("acquisition.field_strength is not usable", acquisition["field_strength"], "T, above 0")
    if not acquisition["snr"] > 0:
        refuse("acquisition.snr is not usable", acquisition["snr"], "above 0")
    if acquisition["phase_flavour"] not in ("radians", "siemens", "milliradians"):
        refuse("unknown acquisition.phase_flavour", acquisition["phase_flavour"], "radians, siemens, milliradians")
    if recipe["phase"]["sign"] not in (1, -1) or recipe["phase"]["shim_order"] not in (0, 1, 2):
        refuse("phase.sign or phase.shim_order is not usable", recipe["phase"], "sign 1 or -1, order 0, 1 or 2")
    for group, lesions in recipe["lesions"].items():
        if abs(sum(lesions["sites"].values()) - 1) > 1e-6:
            refuse(f"lesions.{group}.sites do not sum to 1", lesions["sites"], "shares")
        if not 0 <= lesions["rim_share"] <= 1:
            refuse(f"lesions.{group}.rim_share is not a share", lesions["rim_share"], "0 to 1")
        check_drawn_from(f"lesions.{group}", lesions)
        check_kinds(group, lesions["kinds"], file=file)
    patches = recipe["lesion_patches"]
    check_drawn_from("lesion_patches", patches)
    if patches["profile"] not in packaged_profiles():
        refuse("unknown lesion_patches.profile", patches["profile"], ", ".join(packaged_profiles()))
    spreads = {f"subject_spread.{key}": value for key, value in patches["subject_spread"].items()}
    for key, value in (spreads | {"hyperintense_texture": patches["hyperintense_texture"]}).items():
        if value < 0:
            refuse(f"lesion_patches.{key} is no spread", value, "0 or more")
    if abs(sum(share for *_, share in patches["rim_counts"]) - 1) > 1e-6:
        refuse("the shares in lesion_patches.rim_counts do not sum to 1", patches["rim_counts"], "[from, to, share]")
