"""What an atlas' `atlas.yaml` says, and the check of it: every key known, every key that is needed present.

    name: Example atlas
    version: "1.0"
    citation: Author et al. 2020, doi
    licence: CC BY 4.0
    kind: dgm                      # deep grey nuclei, or: tracts
    space: MNI152NLin2009aSym      # see SPACES
    encoding: labels               # one 3-D image; or: volumes (one 4-D image), files (one image per structure)
    image: labels.nii.gz           # not for `files`
    split_at_midline: true         # where left and right share a label
    template: {image: T1w.nii.gz, contrast: T1w}    # optional: a brain in the atlas' own space
    structures:
      HCN: 6                       # label, index of a volume (from 0) or file; both sides
      PUT: [9, 134]                # several are merged
      THA: {L: [3, 4], R: [5, 6]}  # one side each

Images hold labels, masks (0 and 1) or probabilities (0 to 1). Names of spaces are TemplateFlow's, with the letter
of the 2009 templates. `prepare_atlas` adds `to_template`, the folder of a chain, and `space_note`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from chiomics.core.errors import InputError
from chiomics.core.files import read_yaml, require_inside, write_text

#: The nuclei of Yan et al. (2021) and the tracts of Fiscone et al. (2023), by kind of atlas.
STRUCTURES = {
    "dgm": ("HCN", "PUT", "GP", "THA", "RN", "SN", "DN"),
    "tracts": ("AF", "CST", "FAT", "IFOF", "OR", "UF"),
}
ENCODINGS = ("labels", "volumes", "files")
#: Spaces that this stage's template shares: 2009b samples the same average every half millimetre.
TEMPLATE_SPACES = ("MNI152NLin2009aSym", "MNI152NLin2009bSym", "chiomics-phantom")
SPACES = (
    *TEMPLATE_SPACES,
    "MNI152NLin2009cSym",
    "MNI152NLin2009aAsym",
    "MNI152NLin2009bAsym",
    "MNI152NLin2009cAsym",
    "MNI152NLin6Asym",
    "MNI152NLin6Sym",
)
CONTRASTS = ("T1w", "WM")
REQUIRED = ("name", "version", "citation", "licence", "kind", "space", "encoding", "structures")
OPTIONAL = ("image", "split_at_midline", "template", "to_template", "space_note")


def read_description(path: str | Path) -> dict:
    """Read and check an ``atlas.yaml``.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    InputError
        Where the file is absent or no YAML, or a key is unknown, absent or has a wrong value.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("the atlas has no description", file=path)
    return check_description(read_yaml(path), file=path)


def write_description(path: str | Path, description: Mapping) -> None:
    """Write an ``atlas.yaml``, its keys in the order given."""
    write_text(path, yaml.safe_dump(dict(description), sort_keys=False, width=120))


def check_description(fields: object, *, file: str | Path) -> dict:
    """Check the content of an ``atlas.yaml`` and give it back; see `read_description`."""

    def refuse(key: str, problem: str, found: object, expected: str) -> None:
        raise InputError(f"{key}: {problem}", file=file, found=str(found), expected=expected)

    if not isinstance(fields, dict):
        raise InputError("the description must be a mapping", file=file, found=repr(fields))
    for key in fields:
        if key not in REQUIRED + OPTIONAL:
            refuse(key, "unknown key", key, ", ".join(REQUIRED + OPTIONAL))
    for key in REQUIRED:
        if not fields.get(key):
            refuse(key, "missing or empty", fields.get(key), "a value")
    for key in ("name", "version", "citation", "licence"):
        if not isinstance(fields[key], str):
            refuse(key, "wrong type", repr(fields[key]), "text")
    for key, known in (("kind", tuple(STRUCTURES)), ("space", SPACES), ("encoding", ENCODINGS)):
        if fields[key] not in known:
            refuse(key, "unknown value", fields[key], ", ".join(known))
    if (fields["encoding"] == "files") == isinstance(fields.get("image"), str):
        refuse("image", "does not fit the encoding", fields.get("image"), "a file name, but none for `files`")
    if not isinstance(fields.get("split_at_midline", False), bool):
        refuse("split_at_midline", "wrong type", fields["split_at_midline"], "true or false")
    for key in ("to_template", "space_note"):
        if not isinstance(fields.get(key, ""), str):
            refuse(key, "wrong type", fields[key], "text")
    template = fields.get("template")
    if template is not None and (not isinstance(template, dict) or set(template) != {"image", "contrast"}):
        refuse("template", "wrong keys", template, "image and contrast")
    if template is not None and template["contrast"] not in CONTRASTS:
        refuse("template.contrast", "unknown value", template["contrast"], ", ".join(CONTRASTS))
    _check_structures(fields, refuse)
    names = {"image": [fields.get("image", "")], "to_template": [fields.get("to_template", "")]}
    names["template.image"] = [str((template or {}).get("image", ""))]
    if fields["encoding"] == "files":
        sides = [sources_by_side(value).values() for value in fields["structures"].values()]
        names["structures"] = [name for sources in sides for files in sources for name in files]
    for key, named in names.items():
        for name in named:
            require_inside(name, file=file, key=key)
    return fields


def _check_structures(fields: dict, refuse: Callable[[str, str, object, str], None]) -> None:
    """Check names, sides and kinds of the structures' sources."""
    if not isinstance(fields["structures"], dict):
        refuse("structures", "wrong type", fields["structures"], "a mapping from names to labels")
    known, kind = STRUCTURES[fields["kind"]], str if fields["encoding"] == "files" else int
    for name, value in fields["structures"].items():
        if name not in known:
            refuse(f"structures.{name}", "unknown structure", name, ", ".join(known))
        if isinstance(value, dict) and set(value) != {"L", "R"}:
            refuse(f"structures.{name}", "wrong sides", ", ".join(map(str, value)), "L and R")
        if not isinstance(value, dict) and not fields.get("split_at_midline"):
            refuse(f"structures.{name}", "left and right share it", value, "L and R, or split_at_midline: true")
        for side, sources in sources_by_side(value).items():
            if not sources or not all(type(source) is kind for source in sources):
                expected = "file names" if kind is str else "whole numbers"
                refuse(f"structures.{name}.{side}", "not usable", list(sources), expected)


def sources_by_side(value: object) -> dict[str, tuple]:
    """Spell out one entry of `structures`: per side a tuple."""
    sides = value if isinstance(value, dict) else {"LR": value}
    return {side: tuple(sources) if isinstance(sources, list) else (sources,) for side, sources in sides.items()}
