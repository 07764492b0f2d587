"""What a path inside a BIDS folder says: whose it is, and, for gradient-echo images, which part of which echo.

The names follow BIDS 1.10 (``_part-mag_MEGRE``), its older proposals (``_GRE``, ``_T2starw``, ``swi/``) and what
published data sets and converters use beside them (``_magnitude``, ``_phase``, ``_T2Starw``).
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError

#: Endings of images, in lower case: Windows writes some in capitals.
IMAGES = (".nii.gz", ".nii")
#: Folders of a session that can hold an input; every other one (func, perf, eeg, ...) is not walked.
DATATYPES = frozenset(("anat", "swi", "fmap", "dwi", "qsm", "gre", "megre"))
#: Suffixes, in lower case, whose ``part-`` entity says what the image holds.
SUFFIXES_WITH_PART = frozenset(("megre", "mege", "gre", "t2starw", "t2star", "swi", "mpm"))
#: Values of ``part-``.
PARTS = {
    "mag": "magnitude",
    "magnitude": "magnitude",
    "phase": "phase",
    "real": "real",
    "imag": "imaginary",
    "imaginary": "imaginary",
}
#: The family of ``_magnitude1``, ``_phase1``, ``_phasediff``, ``_magnitude``, ``_phase`` and ``_fieldmap``.
FIELD_MAP = "fieldmap"

_SUFFIX_AS_PART = re.compile(r"(magnitude|phase)([1-9]?)|(phasediff|fieldmap)")
_PATH = re.compile(
    r"(?:derivatives/(?P<pipeline>.+)/)?(?P<participant>sub-[^/]+)/(?:(?P<session>ses-[^/]+)/)?"
    r"(?:(?P<datatype>[^/]+)/)?(?P<name>[^/]+)"
)
#: Entities that tell the files of one acquisition apart; all others make a variant of it.
_WITHIN = frozenset(("sub", "ses", "run", "echo", "part", "coil"))


#: What Snakemake replaces in the path of a file: wildcards, and its own names of folders (``<results>``).
_BRACES, _PATH_VARIABLE = re.compile(r"[{}]"), re.compile(r"<[a-z][a-z0-9_]*>")


def snakemake_words_in(path: str) -> str:
    """Say what of a path Snakemake would take for a word of its own, nothing where it takes it as it is.

    >>> snakemake_words_in("/data/<lab>/bids")
    '<lab>, which Snakemake takes for a name of its own'
    """
    if _BRACES.search(path):
        return "braces, which Snakemake takes for wildcards"
    found = _PATH_VARIABLE.search(path)
    return f"{found[0]}, which Snakemake takes for a name of its own" if found else ""


class NamedFile(NamedTuple):
    """A file of a participant, and what its path says."""

    path: str  # relative to the BIDS folder, POSIX
    pipeline: str  # folder below derivatives/, or empty for raw files
    participant: str  # e.g. sub-01, from the folder
    session: str  # e.g. ses-2, from the folder, or empty
    datatype: str
    entities: dict[str, str]
    suffix: str
    extension: str
    size: int  # bytes; -1 for a link that leads nowhere

    @property
    def folder(self) -> str:
        """Folder of the file, relative to the BIDS folder."""
        return self.path.rpartition("/")[0]


class GreImage(NamedTuple):
    """One image of a gradient-echo acquisition."""

    file: NamedFile
    part: str  # magnitude, phase, real, imaginary, phasediff or fieldmap
    echo: int | None
    coil: str
    explicit: bool  # the name says which part it is
    family: str  # suffix in lower case, or FIELD_MAP
    others: tuple[str, ...]  # e.g. ("acq-fast", "rec-norm")

    @property
    def variant(self) -> str:
        """Label that tells acquisitions of one session apart, e.g. ``acq-fast_MEGRE``."""
        suffix = FIELD_MAP if self.family == FIELD_MAP else self.file.suffix
        return "_".join((*self.others, suffix))


def name_file(path: str, size: int = 0) -> NamedFile | None:
    """Read a path; None where it is not a participant's file."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    pipeline, participant, session, datatype, name = match.groups("")
    entities, suffix, extension = parse_name(name)
    if pipeline and not session and entities.get("ses"):
        session = f"ses-{entities['ses']}"  # many pipelines have no folder for it
    return NamedFile(path, pipeline, participant, session, datatype, entities, suffix, extension, size)


#: Snakemake refuses such a value of a wildcard, and with it the plan of all sessions.
_REPEATED = re.compile(r"(.+)\1{19,}$")


@functools.lru_cache(maxsize=64)
def _is_endless(label: str) -> bool:
    return _REPEATED.search(label) is not None


def is_misnamed(file: NamedFile) -> bool:
    """Return whether an image's name is not BIDS, or names another participant or session than its folder."""
    if not file.path.lower().endswith(IMAGES):
        return False
    if file.extension.lower() not in IMAGES or not file.entities:
        return True
    session = file.entities.get("ses")
    if _is_endless(file.participant) or _is_endless(file.session):
        return True
    return (
        f"sub-{file.entities.get('sub')}" != file.participant or (f"ses-{session}" if session else "") != file.session
    )


def name_problem(file: NamedFile) -> InputError:
    """Say what is wrong with the name of an image that `is_misnamed`."""
    label = re.compile(r"(?:sub|ses)-[a-zA-Z0-9+]+")
    odd = [name for name in (file.participant, file.session) if name and not label.fullmatch(name)]
    if odd:
        return InputError(
            "a participant or session has a label that is not BIDS", file=file.path, found=", ".join(odd),
            expected="letters and digits alone, e.g. sub-A01, in the folder and in the names of its files",
        )  # fmt: skip
    if endless := [name for name in (file.participant, file.session) if _is_endless(name)]:
        return InputError(
            "a label ends with the same letters 20 times or more, which Snakemake takes for an endless loop",
            file=file.path, found=endless[0], expected="another label",
        )  # fmt: skip
    if not file.entities:
        return InputError(
            "the file name is not BIDS", file=file.path, expected="pairs such as sub-01_echo-1, with letters and digits"
        )
    return InputError("the file name and its folder disagree in participant or session", file=file.path)


def read_gre(file: NamedFile) -> GreImage | None:
    """Tell which part of which echo a raw image holds; None where it is not from a gradient-echo acquisition."""
    entities = file.entities
    if file.extension.lower() not in IMAGES or file.pipeline or file.datatype == "dwi":
        return None
    family = file.suffix.lower()
    echo, part = entities.get("echo"), entities.get("part")
    if family in SUFFIXES_WITH_PART:
        if part is None and family == "swi":
            return None  # the processed susceptibility-weighted image
        role, explicit = PARTS.get(part.lower() if part else "mag", ""), part is not None
    elif match := _SUFFIX_AS_PART.fullmatch(family):
        role, explicit, family = match[1] or match[3], True, FIELD_MAP
        echo = match[2] or echo
    else:
        return None
    others = tuple(f"{key}-{label}" for key, label in entities.items() if key not in _WITHIN)
    number = int(echo) if echo and echo.isdecimal() else None
    return GreImage(file, role, number, entities.get("coil", ""), explicit, family, others)


def matches_acquisition(image: GreImage, acquisition: str) -> bool:
    """Return whether an image is of the acquisition that the operator names.

    Parameters
    ----------
    image : GreImage
        The image.
    acquisition : str
        An ``acq-`` label, a suffix or ``fieldmap``, or entities joined by ``_`` that must all be there, e.g.
        ``acq-fast_rec-norm``; ``acq-none`` asks for names without that entity.

    Returns
    -------
    bool
        True where every piece of `acquisition` agrees with the name.
    """
    entities = image.file.entities
    for piece in acquisition.split("_"):
        key, dash, label = piece.partition("-")
        if dash:
            if entities.get(key, "none") != label:
                return False
        elif entities.get("acq") != piece and image.family != piece.lower():
            return False
    return True
