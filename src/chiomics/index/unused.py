"""Name what looks like a mask, a T1w or a FLAIR and is not used, and say how it would be.

An image that lies in another folder, in a format that is not read or under a name that means nothing must not be lost
without a word: a mask that was drawn by hand is the costliest thing of a cohort.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from chiomics.index.companions import DERIVED, STRUCTURAL, role_of
from chiomics.index.names import NamedFile
from chiomics.index.structural import KINDS, READABLE, UNREAD

_IMAGES = (*READABLE, *UNREAD)
#: Most files that one kind of warning names; of the rest the number is said.
MAX_LINES = 6
_LESION_LIKE = re.compile(
    r"l(?:e|é|ä|ae)sion|plaque|tumou?r|wmh|wml|wmsa|hyperint|seg-lst|label-L_|bianca|flames|(?:^|/)ples_|"
    r"black-?hole|infarct|delineat|(?:^|[-_. ])(?:m?s?les|lesmask|[gc]tv|prl|strokes?)(?:[-_. ]|$)",
    re.IGNORECASE,
)
#: Names of masks and labels in general, unless they say of what other structure.
_MASK_LIKE = re.compile(
    r"(?:^|[-_. ])(?:masks?\d*|rois?\d*|[a-z\d]*segm?\d*|seg[a-z\d]+|segmentation|label(?:s|map)?|hard_seg|out_CNN|"
    r"prob(?:_[01]|ability|map|seg)?|manual|consensus|(?:rater|reader|expert|obs)[-_]?\w?|ground[-_ ]?truth|gt|"
    r"contours?|annot\w*|outlines?|draw(?:n|ing)|trac(?:ed|ing)|enhanc\w*|pred(?:iction)?s?|lst(?:[-_]\w+)?)$",
    re.IGNORECASE,
)
_OTHER_STRUCTURE = re.compile(
    r"brain|head|skull|scalp|bet|(?:^|[-_])(?:gm|wm|csf|bg|eyes?|air|fov|voi|vois|cst)(?:[-_.]|$)|gr[ae]y|white|ribbon|"
    r"aseg|aparc|wmparc|synthseg|atlas|tissue|cortex|hippo|thalam|nucle|ventric|cerebell|vessel|vein|qsm|valid|face|hemi-|"
    r"space-mni|space-oasis|space-fsa|res-\d",
    re.IGNORECASE,
)  # fmt: skip
#: Pipelines, or what lies in them, whose segmentation without a label is that of the tissues.
_OF_TISSUES = re.compile(
    r"^[^/]*(?:prep|nibabies|xcp|freesurfer|fastsurfer|mriqc|cat12)|label-(?:GM|WM|CSF)_probseg", re.IGNORECASE
)
_PLAIN_DSEG = re.compile(r"sub-[^_]+(?:_(?:ses|run|acq|space|res)-[^_]+)*_dseg", re.IGNORECASE)
#: Suffixes of BIDS 1.10 for anat/, beside which gradient echoes are looked at by their own rules.
_OF_BIDS = re.compile(
    r"2pe|angio|bf|chimap|conf|df|dic|defacemask|flair|flash|fluo|gre|irt1|inplanet[12]|mese|megre|mp2rage|mpe|mpm|"
    r"(?:m0|mtr|mtv|mwf|pd|pdt2|[rt][12]|[rt]2star|[rt]b1|s0)map|mtr|mtsat|mts|nlo|oct|pc|pdt2|pdw?|photo|pli|sem|spim|sr|"
    r"t1rho|[rt]?t[12]w|t2starw?|tem|unet1|unit1|uct|vfa|swi|part-mag|part-phase|minip",
    re.IGNORECASE,
)
#: Whose image it is, by names that may hold such words themselves (a study of WMH calls its participants sub-WMH01).
_OF_WHOM = re.compile(r"^sub-[A-Za-z0-9+]+(?:_ses-[A-Za-z0-9+]+)?")
_FOLDER_OF_MASKS = re.compile(r"lesion|mask|seg|wmh|wml|roi|cnn", re.IGNORECASE)
_FOLDER_LIKE = re.compile(r"lesion|mask|seg|wmh|wml|roi|cnn|anat|^t1|flair|mprage", re.IGNORECASE)
_ENDING = re.compile(r"\.(nii(\.\w+)*|mgz|mgh|img|hdr|nrrd|mha|mnc|dcm|mif)$", re.IGNORECASE)
_WORD = r"(?:^|[-_. /]){}(?:[-_. /]|$)"
_KIND_LIKE = {
    "T1w": re.compile(
        _WORD.format(r"(?:r?m?t1w?|inplanet1|mp2?rage\d*|bravo|f?spgr|unit1|uni|tfl|tfe)"), re.IGNORECASE
    ),
    "FLAIR": re.compile(r"flair", re.IGNORECASE),
}
#: Further images that are no T1w although their names hold the word, and what cannot be placed in the session's head.
_NO_STRUCTURE = re.compile(r"t1map|t1rho|r1map|space-(?!t1w|flair|orig)[a-z]|xfm|surf|inflated|midthick", re.IGNORECASE)


def unused_masks(files: list[NamedFile], row: dict, sessions: set[str]) -> list[str]:
    """Name the files that look like masks of lesions and are not used, with the name that would be.

    Parameters
    ----------
    files : list of NamedFile
        Of the participant, raw and derived.
    row : dict
        A session's row, filled.
    sessions : set of str
        Of all rows of the participant.

    Returns
    -------
    list of str
        One line per file that no other warning names.
    """
    used, said = {row[role] for role in (*DERIVED, *STRUCTURAL)}, " ".join(row["warnings"])
    like = "_".join(part for part in (row["participant_id"], row["session_id"]) if part)
    found = []
    for file in files:
        other = file.session not in ("", row["session_id"])
        if not _is_image(file.path) or (other and file.session in sessions) or file.path in used or file.path in said:
            continue
        stem = _stem(file.path)
        if _may_be_lesions(stem) and not (_PLAIN_DSEG.fullmatch(stem) and _holds_tissues(file.pipeline, files)):
            found.append(f"{file.path}: looks like a mask and is not used; {_cure(file, like, other)}")
        elif not other and _is_of_no_kind(file):
            found.append(
                f"{file.path}: not used, BIDS has no {file.suffix or 'such name'} in anat/; if it is a mask: "
                + _cure(file, like, other)
            )
    return _some(found)


def unused_structural(files: list[NamedFile], row: dict) -> list[str]:
    """Name the files that look like a T1w or a FLAIR where the session has none.

    Parameters
    ----------
    files, row
        As for `unused_masks`.

    Returns
    -------
    list of str
        One line per file that no other warning names, and what to do.
    """
    found, said = [], " ".join(row["warnings"])
    for kind in (suffix for suffix in STRUCTURAL if not row[suffix]):
        seen = []
        for file in files:
            name = file.path.rpartition("/")[2]
            is_kind = KINDS.get(file.suffix.lower()) == kind or _KIND_LIKE[kind].search(_rest(file.path))
            if not is_kind or file.path in said or not _is_image(file.path) or _NO_STRUCTURE.search(name):
                continue
            if _is_named(file, kind):
                continue
            if file.session in ("", row["session_id"]) and not role_of(file) and not _is_mask(file):
                seen.append(f"{file.path}: looks like a {kind} and is not used; {_structural_cure(file, kind)}")
        found += _some(seen)
        if kind == "FLAIR":
            found += [
                f"{file.path}: a T2w does not stand for the FLAIR, not used; rename it _FLAIR if it is one"
                for file in files
                if file.suffix.lower() == "t2w" and not file.pipeline and file.session == row["session_id"]
                and file.extension.lower() in READABLE
            ]  # fmt: skip
    return found


def _is_image(path: str) -> bool:
    lower = path.lower()
    return lower.endswith(_IMAGES) or ".nii." in lower


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return _ENDING.sub("", name)


def _rest(path: str) -> str:
    """Return what stands behind the participant and the session, alike for many."""
    return _OF_WHOM.sub("", _stem(path))


def _holds_tissues(pipeline: str, files: list[NamedFile]) -> bool:
    """Say whether a folder is of fMRIPrep's kind, which writes tissues as sub-01_dseg, beside their probabilities."""
    return any(file.pipeline == pipeline and _OF_TISSUES.search(f"{pipeline}/{_stem(file.path)}") for file in files)


def _may_be_lesions(stem: str) -> bool:
    return _says_lesions(_OF_WHOM.sub("", stem))


@functools.lru_cache(maxsize=4096)
def _says_lesions(rest: str) -> bool:
    return bool(_LESION_LIKE.search(rest) or (_MASK_LIKE.search(rest) and not _OTHER_STRUCTURE.search(rest)))


def _is_of_no_kind(file: NamedFile) -> bool:
    """Say whether a raw image's name tells nobody what it is."""
    raw = not file.pipeline and file.datatype == "anat"
    return raw and not _says_kind(_rest(file.path), file.suffix) and not role_of(file)


@functools.lru_cache(maxsize=4096)
def _says_kind(rest: str, suffix: str) -> bool:
    return any(kind.search(rest) for kind in _KIND_LIKE.values()) or _OF_BIDS.fullmatch(suffix) is not None


def _is_mask(file: NamedFile) -> bool:
    stem = _rest(file.path)
    return bool(_LESION_LIKE.search(stem) or _MASK_LIKE.search(stem) or file.suffix.lower() == "probseg")


def _unread_format(path: str) -> str:
    return next((end for end in UNREAD if path.lower().endswith(end)), "")


def _disagreement(file: NamedFile) -> str:
    """Say where a name contradicts its folder."""
    named = [f"sub-{file.entities['sub']}"] if "sub" in file.entities else []
    wrong = [name for name in named if name != file.participant]
    session = file.entities.get("ses")
    if session and file.session not in ("", f"ses-{session}"):
        wrong.append(f"ses-{session}")
    return (
        f"its name says {' and '.join(wrong)}, its folder {file.participant} {file.session}".rstrip() if wrong else ""
    )


def _cure(file: NamedFile, like: str, other_session: bool) -> str:
    name = f"{like}_label-lesion_mask.nii.gz (with space-FLAIR or space-T1w where it was drawn on that)"
    if file.suffix.lower() in ("dseg", "seg", "segmentation"):
        name += f", one with a number for each lesion {like}_label-lesion_dseg.nii.gz"
    if "prob" in file.path.rpartition("/")[2].lower():
        name += f", probabilities {like}_label-lesion_probseg.nii.gz"
    if unread := _unread_format(file.path):
        return f"{unread} is not read: save it as NIfTI; a lesion mask is called {name}"
    if wrong := _disagreement(file):
        return wrong
    if other_session:
        return f"the participant has no session {file.session} with images; a mask of this one is called {name}"
    if not file.pipeline and file.datatype != "anat":
        return f"masks lie in anat/ or in derivatives/NAME/; a lesion mask is called {name}"
    if "echo" in file.entities or "run" in file.entities:
        return f"its run or echo is not the session's; a lesion mask of the session is called {name}"
    return f"a lesion mask is called {name}"


def _is_named(file: NamedFile, kind: str) -> bool:
    """Return whether an image lies and is named as one that is taken: what keeps it is the session's own reason."""
    placed = file.datatype == "anat" and not file.pipeline and not _disagreement(file)
    return placed and "desc" not in file.entities and file.path.endswith(f"_{kind}.nii.gz")


def _structural_cure(file: NamedFile, kind: str) -> str:
    if unread := _unread_format(file.path):
        return f"{unread} is not read as {kind}: convert it to NIfTI (.nii.gz)"
    if wrong := _disagreement(file):
        return wrong
    if file.pipeline:
        return f"it lies in derivatives/: a {kind} is taken from anat/, as …_{kind}.nii.gz; link or copy it there"
    if "desc" in file.entities and KINDS.get(file.suffix.lower()) == kind:
        return f"index.{kind}: {{desc: {file.entities['desc']}}} takes it"
    if file.datatype != "anat":
        return "images lie in anat/"
    if file.suffix.upper() == "MP2RAGE":
        return "an inversion of MP2RAGE is no T1w: reconstruct the uniform image (_UNIT1) or a T1w"
    return f"a {kind} is called …_{kind}.nii.gz"


def unused_folders(others: Iterable[str], row: dict) -> list[str]:
    """Name folders and files beside those that are looked into, where their names speak of masks or images.

    Parameters
    ----------
    others : iterable of str
        Paths that name the participant and that are not looked into: folders, which end in ``/``, and files.
    row : dict
        A session's row, filled.

    Returns
    -------
    list of str
        One line each.
    """
    found, said, participant = [], " ".join(row["warnings"]), row["participant_id"]
    like = "_".join(part for part in (participant, row["session_id"]) if part)
    home = f"derivatives/NAME/{participant}/"
    for path in others:
        session = re.search(r"(?:^|/|_)(ses-[A-Za-z0-9+]+)(?=[/_.]|$)", path)
        if (session and session[1] != row["session_id"]) or path in said:
            continue
        name = path.rstrip("/").rpartition("/")[2]
        derived = path.startswith("derivatives/")
        beside = derived and not re.match(rf"derivatives/[^/]+/{participant}/", path)
        if name == "mri" and path.endswith("/") and derived:
            if not row["tissue_labels"]:
                found.append(
                    f"{path}: FreeSurfer's folder is not looked into; its aparc+aseg.mgz is read as "
                    f"{home}anat/{like}_desc-aparcaseg_dseg.mgz, a lesion mask as {like}_label-lesion_mask.mgz"
                )
        elif path.endswith("/") and (beside or (_FOLDER_LIKE.search(name) and not name.startswith("ses-"))):
            found.append(f"{path}: the folder is not looked into; images and masks lie in anat/, raw or in {home}")
        elif beside and _is_image(path):
            found.append(f"{path}: not used, it lies outside {home}")
        elif not derived and not path.startswith("sub-") and _is_image(path):
            rest = path.replace(participant, "")
            by_folder = _FOLDER_OF_MASKS.search(rest.rpartition("/")[0]) and not _OTHER_STRUCTURE.search(rest)
            if _may_be_lesions(_stem(path)) or by_folder:
                found.append(
                    f"{path}: looks like a mask and is not used, for {path.partition('/')[0]}/ is not looked into; a "
                    f"lesion mask is called {home}anat/{like}_label-lesion_mask.nii.gz"
                )
    return _some(found)


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_LINES
    return lines[:MAX_LINES] + [f"{more} more files look like masks or images and are not used"] * (more > 0)
