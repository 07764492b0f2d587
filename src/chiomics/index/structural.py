"""Choose the T1w and the FLAIR of a session: what the operator names, else the best of several.

Best is what registration and segmentation need: no contrast agent, no localizer, three-dimensional, the finest voxels,
corrected by the scanner for the coil. A longer name is no worse than a short one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from chiomics.core.errors import InputError, SettingError
from chiomics.index.forms import structural_warnings
from chiomics.index.headers import Header, check_box, check_content
from chiomics.index.names import IMAGES, NamedFile

#: Endings of structural images that are read, and those that are named and not read.
READABLE = (*IMAGES, ".mgz", ".img")
UNREAD = (".mgh", ".nrrd", ".mha", ".mnc", ".dcm", ".nii.bz2", ".nii.zst", ".mif")
#: What each suffix, in lower case, is taken as.
KINDS = {"t1w": "T1w", "mprage": "T1w", "unit1": "T1w", "flair": "FLAIR", "t2flair": "FLAIR"}
#: What pybids and fMRIPrep's filter files call the entities.
LONG_NAMES = {
    "acquisition": "acq", "ceagent": "ce", "reconstruction": "rec", "direction": "dir", "modality": "mod",
    "inversion": "inv", "session": "ses", "description": "desc",
}  # fmt: skip
ENTITIES = frozenset(("ses", "acq", "ce", "rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part", "space"))
#: Keys of a filter that are no entities.
OTHER_KEYS = frozenset(("suffix", "extension", "datatype", "desc"))
_LOCALIZER = re.compile(r"localizer|localiser|scout|survey|topogram|plan", re.IGNORECASE)
#: Words for an image after a contrast agent, and before them those that say there was none.
_CONTRAST = re.compile(
    r"^(?!pre|no|wo|without|native|unenh)(?:.*(?:gad|contrast|enhanced|postgd|postcon|[mn]km$|t1c$|post$|gd$)|"
    r"gd|ce$|ce-?t1|post(?!op))",
    re.IGNORECASE,
)
_NORMALISED = re.compile(r"(?<!no)(?<!on)(?<!un)norm", re.IGNORECASE)
#: Fewer slices along any axis than this are a localizer or a 2-D scan.
FEW_SLICES = 20
#: Fewer than this hold too little of a head to be registered.
FEWEST_SLICES = 8


def check_filter(name: str, wanted: Mapping | None) -> None:
    """Refuse a filter with a key that no file name has.

    Raises
    ------
    SettingError
        With the keys that there are.
    """
    unknown = [key for key in wanted or {} if LONG_NAMES.get(key, key) not in ENTITIES | OTHER_KEYS]
    if unknown:
        raise SettingError(
            f"index.{name} has keys that file names do not have", found=", ".join(unknown),
            expected=", ".join(sorted(ENTITIES | OTHER_KEYS)),
        )  # fmt: skip


def matches(file: NamedFile, wanted: Mapping) -> bool:
    """Tell whether a file's name has what a filter asks for.

    Parameters
    ----------
    file : NamedFile
        The file.
    wanted : mapping
        By entity, in BIDS' or pybids' word: a value, a list of values, null for a name without it, ``*`` for any.

    Returns
    -------
    bool
    """
    for key, value in wanted.items():
        key = LONG_NAMES.get(key, key)
        have = {"suffix": file.suffix, "extension": file.extension, "datatype": file.datatype}.get(
            key, file.entities.get(key)
        )
        if key == "ses" and have is None:
            have = file.session.removeprefix("ses-") or None
        options = value if isinstance(value, (list, tuple)) else [value]
        if not any(_agrees(have, option) for option in options):
            return False
    return True


def choose_structural(
    files: list[NamedFile],
    session: str,
    kind: str,
    *,
    wanted: Mapping | None = None,
    read: Callable[[NamedFile], Header] | None = None,
    fields: Callable[[NamedFile], dict] | None = None,
) -> tuple[NamedFile | None, list[str]]:
    """Choose the T1w or FLAIR of a session.

    Parameters
    ----------
    files : list of NamedFile
        Raw files of the participant.
    session : str
        E.g. ``ses-2``, or empty.
    kind : str
        ``T1w`` or ``FLAIR``.
    wanted : mapping, optional
        The operator's filter, see `matches`.
    read : callable, optional
        Gives the header of an image; without it names alone decide.
    fields : callable, optional
        Gives the sidecar of an image.

    Returns
    -------
    image : NamedFile or None
        Of the same session, else of the participant's only session that has one.
    warnings : list of str
        What else there was to choose from, and which images cannot be used and why.
    """
    images = [file for file in files if _is_candidate(file, kind)]
    warnings = []
    if wanted is not None:
        fitting = [file for file in images if matches(file, wanted)]
        if images and not fitting:
            there = ", ".join(file.path for file in images)
            return None, [f"no {kind} has what index.{kind} asks for; there are {there}"]
        images = fitting
    else:
        images = [file for file in images if "desc" not in file.entities]
    images, more = _of_session(images, session)
    usable = []
    for image in images:
        try:
            check_content(image)
            header = read(image) if read else None
            if header is not None:
                _check(header, image)
                warnings += structural_warnings(header, image)
            usable.append((image, header))
        except InputError as error:
            warnings.append(f"the {kind} {error}; it is not used")
    warnings += more
    if not usable:
        return None, warnings
    ranked = [(_rank(image, header, fields(image) if fields else {}, kind), image, header) for image, header in usable]
    ranked.sort(key=lambda entry: entry[0])
    usable = [(image, header) for _, image, header in ranked]
    (chosen, header), ((contrast, localizer, *_), *_) = usable[0], ranked[0]
    if header is not None and min(header.shape) < FEW_SLICES:
        warnings.append(f"the {kind} {chosen.path} has {min(header.shape)} slices: it may hold a part of the head")
    elif localizer:
        warnings.append(f"the {kind} {chosen.path} is a localizer by its name, and there is no other")
    if contrast:
        warnings.append(
            f"the {kind} {chosen.path} was acquired after a contrast agent by name or sidecar, and there is no other"
        )
    if KINDS[chosen.suffix.lower()] != chosen.suffix:
        warnings.append(f"{chosen.path} is read as the {kind}")
    if len(usable) > 1:
        others = ", ".join(image.path for image, _ in usable[1:])
        warnings.append(
            f"of several {kind}, {chosen.path} is used; left aside: {others}; index.{kind} can name another"
        )
    return chosen, warnings


def _agrees(have: str | None, option: object) -> bool:
    if option is None or option is False:
        return have is None
    if option == "*" or option is True:
        return have is not None
    if have is None:
        return False
    have, option = have.lower(), str(option).lower()
    return have == option or (have.isdecimal() and option.isdecimal() and int(have) == int(option))


def _is_candidate(file: NamedFile, kind: str) -> bool:
    return (
        KINDS.get(file.suffix.lower()) == kind
        and file.datatype == "anat"
        and file.extension.lower() in READABLE
        and file.entities.get("part", "mag") == "mag"
    )


def _of_session(images: list[NamedFile], session: str) -> tuple[list[NamedFile], list[str]]:
    """Keep the images of the session, else of the participant's only session that has any."""
    own = [image for image in images if image.session == session]
    if own or not images:
        return own, []
    kind = KINDS[images[0].suffix.lower()]
    others = sorted({image.session for image in images})
    if len(others) > 1:
        return [], [f"no {kind} in this session, and several others have one: {', '.join(others)}"]
    return images, [f"{kind} is taken from {others[0] or 'the participant, outside any session'}"]


def _check(header: Header, file: NamedFile) -> None:
    """Refuse what is not one 3-D image of a head."""
    if min(header.shape) < FEWEST_SLICES:
        raise InputError(
            "the image is a slice or a localizer", file=file.path, found=" x ".join(map(str, header.shape)) + " voxels",
            expected=f"{FEWEST_SLICES} slices or more",
        )  # fmt: skip
    check_box(header, file)
    if header.volumes > 1:
        raise InputError(
            "the image holds several volumes", file=file.path, found=f"{header.volumes} volumes",
            expected="one 3-D image: one inversion, or the mean of the echoes",
        )  # fmt: skip


def _rank(file: NamedFile, header: Header | None, fields: Mapping, kind: str) -> tuple:
    """Order images, the best first."""
    entities = file.entities
    words = [entities.get(key, "") for key in ("acq", "rec", "desc")]
    contrast = "ce" in entities or any(map(_CONTRAST.search, words)) or bool(fields.get("ContrastBolusIngredient"))
    thin = header is not None and min(header.shape) < FEW_SLICES
    localizer = thin or any(map(_LOCALIZER.search, words))
    flat = str(fields.get("MRAcquisitionType", "")).upper() == "2D"
    edges = (
        (round(max(header.voxel_size), 1), round(max(header.voxel_size) / min(header.voxel_size), 1)) if header else ()
    )
    types = fields.get("ImageType") or []
    normalised = any(map(_NORMALISED.search, [*words, *map(str, types if isinstance(types, list) else [types])]))
    other_kind = file.suffix.lower() != kind.lower()
    run = entities.get("run", "")
    number = int(run) if run.isdecimal() else 0
    return (contrast, localizer, other_kind, flat, edges, not normalised, len(entities) - bool(run), number, file.path)
