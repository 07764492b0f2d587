"""Choose the images that go with a GRE run: T1w, FLAIR, DWI, and what others derived (masks, labels, χ maps)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path

from chiomics.core.bids import space_named
from chiomics.core.errors import InputError
from chiomics.core.space.grids import same_voxels
from chiomics.index.forms import structural_warnings
from chiomics.index.headers import Header, check_content, shared_grid
from chiomics.index.names import IMAGES, NamedFile, name_file
from chiomics.index.sidecars import Sidecars
from chiomics.index.structural import READABLE

STRUCTURAL = ("T1w", "FLAIR")
DERIVED = ("T1w_mask", "brain_mask", "lesion_mask", "lesion_labels", "tissue_labels", "chi_map", "voi_labels")
#: Derivatives drawn on the GRE's own voxels; lesions and tissues may also be drawn on the FLAIR or the T1w.
ON_GRE_GRID = frozenset(("brain_mask", "chi_map", "voi_labels"))
#: Derivatives of which several may come from one pipeline, and which a borrowed image brings along.
DRAWN = frozenset(("lesion_mask", "lesion_labels", "tissue_labels"))
#: What the grid is called of a session whose gradient echo is a map of χ.
OF_MAP = "χ map"
#: Voxels along each side of the grid, of 1 mm, that FreeSurfer conforms its T1w to.
CONFORMED = 256
#: Of one program's lesions in several spaces, which are taken.
SPACE_ORDER = ("FLAIR", "T1w", "GRE")
_VOI = frozenset(("voi", "vois"))
#: How lesions are called in `label-` and `desc-` (BIDS' own label is L), and in the names of others.
_LESION = frozenset(
    (
        "l",
        "lesion",
        "lesions",
        "wmh",
        "wmhs",
        "wml",
        "wmls",
        "flairlesion",
        "flairlesions",
        "lst",
        "lstai",
        "mslesion",
        "mslesions",
        "t2lesion",
        "t2lesions",
        "manuallesion",
        "manuallesions",
        "lesionmanual",
        "lesionsmanual",
    )
)
#: Words of a mask's name, beside its pairs, that leave it a mask of the brain.
_BRAIN_WORDS = frozenset(("brain", "bet", "hdbet", "synthstrip", "t1w", "t1", "gre", "megre", "magnitude", "mag"))
#: How whole-brain segmentations are called (FreeSurfer's, also by fMRIPrep, and SynthSeg's).
_TISSUE = frozenset(("aseg", "aparcaseg", "wmparc", "synthseg"))
#: Pipelines whose files have names of their own: of the folder below derivatives/, and of the file.
_OWN_NAMES = ((r"nicms", r"(hard_seg|out_CNN)"), (r"samseg|freesurfer", r"seg"))


def role_of(file: NamedFile) -> str:
    """Tell what a mask, label image or map is, one of `DERIVED`, or an empty string; raw files in ``anat`` too."""
    if file.extension.lower() not in READABLE or not (file.pipeline or file.datatype == "anat"):
        return ""
    whose, _, rest = file.path.rpartition("/")[2].partition("_")
    plain = whose == file.participant and file.entities
    return _role_of_rest(file.pipeline, rest) if plain else _role_of(file)


@functools.lru_cache(maxsize=4096)
def _role_of_rest(pipeline: str, rest: str) -> str:
    """Tell it by what stands behind the participant, alike for many."""
    file = name_file(f"derivatives/{pipeline}/sub-1/sub-1_{rest}" if pipeline else f"sub-1/anat/sub-1_{rest}")
    return _role_of(file) if file else ""


def _role_of(file: NamedFile) -> str:
    stem = file.path.rpartition("/")[2].partition(".")[0]
    for pipeline, name in _OWN_NAMES if file.pipeline else ():
        if re.search(pipeline, file.pipeline, re.IGNORECASE) and re.fullmatch(f"(.*_)?{name}", stem):
            return "lesion_mask"
    pieces = stem.split("_")
    entities = file.entities or {key: value for key, _, value in (piece.partition("-") for piece in pieces) if value}
    suffix, words = file.suffix.lower(), {piece.lower() for piece in pieces[:-1] if "-" not in piece}
    if not entities or "hemi" in entities or entities.get("sub", file.participant[4:]) != file.participant[4:]:
        return ""
    labels = {entities[key].lower() for key in ("desc", "label") if key in entities}
    of_lesions = bool((labels - {"l"} if "label" not in entities else labels) & _LESION)
    if suffix == "seg-lst" or entities.get("seg") == "lst" or (suffix == "dseg" and "samseg" in labels):
        return "lesion_mask"
    if suffix in ("mask", "roi", "probseg") and of_lesions:
        return "lesion_mask"
    if suffix == "dseg" and of_lesions:
        return "lesion_labels"
    if suffix in ("mask", "brainmask") and (not labels or "brain" in labels) and (file.pipeline or labels):
        is_brain = words <= _BRAIN_WORDS and all(key == key.lower() for key in entities)
        return "brain_mask" if is_brain else ""
    if not file.pipeline or not file.entities:
        return ""
    if suffix == "chimap":
        return "chi_map"
    if suffix == "dseg" and labels & _TISSUE:
        return "tissue_labels"
    if suffix == "dseg" and labels & _VOI:
        return "voi_labels"
    return ""


def choose_dwi(
    bids_dir: str,
    files: list[NamedFile],
    session: str,
    gradients: tuple[Sidecars, Sidecars],
    read: Callable[[NamedFile], Header] | None = None,
) -> tuple[tuple[str, str, str], list[str]]:
    """Choose the diffusion series of a session, the one with the most volumes.

    Parameters
    ----------
    bids_dir : str
        The BIDS folder.
    files : list of NamedFile
        Raw files of the participant.
    session : str
        E.g. ``ses-2``, or empty.
    gradients : tuple of Sidecars
        The ``.bval`` and the ``.bvec`` files that can apply, by inheritance.
    read : callable, optional
        Gives the header of an image; without it the tables are not compared with the images.

    Returns
    -------
    paths : tuple of str
        Image, bval and bvec; empty where there is no series with both.
    warnings : list of str
        What else there was to choose from.
    """
    images = [
        file
        for file in files
        if file.suffix == "dwi" and file.datatype == "dwi" and file.extension.lower() in IMAGES
        and file.entities.get("part", "mag") == "mag"
    ]  # fmt: skip
    images, warnings = _of_session(images, session, "DWI")
    complete = []
    for image in images:
        bval, bvec = ((sidecars.paths(image) or [""])[-1] for sidecars in gradients)
        if not bval or not bvec:
            warnings.append(f"{image.path}: no bval or no bvec, not used")
            continue
        try:
            check_content(image)
            count = _count_values(bids_dir, bval)
            numbers = _count_values(bids_dir, bvec)
            if read is not None:
                _check_counts(read(image), image, (bval, count), (bvec, numbers))
        except InputError as error:
            warnings.append(f"the DWI is not used: {error}")
        else:
            complete.append((-count, image, bval, bvec))
    if not complete:
        return ("", "", ""), warnings
    complete.sort(key=lambda series: (series[0], series[1].path))
    warnings += _several([image for _, image, *_ in complete], "DWI series")
    _, image, bval, bvec = complete[0]
    return (image.path, bval, bvec), warnings


def choose_derivative(
    role: str,
    candidates: list[NamedFile],
    grids: list[tuple[str, Header]],
    read: Callable[[NamedFile], Header] | None,
) -> tuple[NamedFile | None, list[str]]:
    """Choose the one derivative of a role.

    Parameters
    ----------
    role : str
        One of `DERIVED`.
    candidates : list of NamedFile
        Of the right participant, session and run.
    grids : list of tuple of str and Header
        The grids that it may be drawn on, by name, the preferred one first; empty where none is known.
    read : callable, optional
        Gives the header of an image; without it the grids are not compared.

    Returns
    -------
    image : NamedFile or None
        None where no candidate lies on one of the grids.
    warnings : list of str
        The candidates on other grids.

    Raises
    ------
    InputError
        Where more than one candidate lies on the same grid.
    """
    if not candidates:
        return None, []
    for file in candidates:
        check_content(file)
    aside: list[str] = []
    if role in DRAWN:
        # A map of χ lies on the gradient echo's own voxels, whatever messages call its grid.
        spaces = ["GRE" if name == OF_MAP else name for name, _ in grids]
        candidates, aside = _by_space(candidates, spaces, compare=read is not None)
    by_name = [file for file in candidates if role in DRAWN and space_named(file.path)]
    causes: dict[str, str] = {}
    if grids and read is not None and (role in DRAWN or not by_name):
        headers = []
        for file in by_name or candidates:
            try:
                header = read(file)
                if role in DRAWN and header.volumes > 1:
                    found = f"{header.volumes} volumes"
                    raise InputError("the mask is not one image", file=file.path, found=found, expected="one 3-D image")
                headers.append((file, header))
            except InputError as error:
                if role not in DRAWN:
                    raise
                # The job refuses it too, and then does not take white matter for normal-appearing.
                return file, [*aside, f"{error}; it cannot be used"]
            if role in DRAWN:
                try:
                    aside += structural_warnings(header, file)
                except InputError as error:
                    causes[file.path] = f"; {error.problem}: set both forms to the one that is right"
    if grids and read is not None and not by_name:
        # The jobs put the axes in order; a map of χ is read together with all that lies on it, as it is.
        on_echoes = role == "brain_mask" and all(name != OF_MAP for name, _ in grids)
        fits = _same_voxels if role in DRAWN or on_echoes else shared_grid
        fitting = {name: [file for file, header in headers if fits(header, grid)] for name, grid in grids}
        if role in DRAWN and "T1w" in fitting and not any(fitting.values()):
            fitting["T1w"] = [file for file, header in headers if _conformed(file, header)]
            aside += [
                f"{file.path}: on FreeSurfer's own grid, {CONFORMED}³ at 1 mm; laid by position on the T1w"
                for file in fitting["T1w"]
            ]
        best = next((files for files in fitting.values() if files), [])
        names = " or ".join(fitting)
        aside += [
            f"{file.path}: not on the grid of the {names}, not used{causes.get(file.path, '')}"
            for file in candidates
            if not any(file in files for files in fitting.values())
        ]
        candidates = best
    candidates = by_name or candidates
    if role in DRAWN and len({file.pipeline for file in candidates}) == 1:
        plainest = min(map(_plainness, candidates))
        left = [file.path for file in candidates if _plainness(file) != plainest]
        candidates = [file for file in candidates if _plainness(file) == plainest]
        aside += [f"{path}: {candidates[0].path} is used in its place" for path in left]
    if len(candidates) > 1 and by_name and len({file.pipeline for file in candidates}) == 1:
        # One program's lesions in several spaces: those on the FLAIR, which shows them.
        by_space = {space_named(file.path): file for file in candidates}
        chosen = [by_space[space] for space in SPACE_ORDER if space in by_space][:1]
        if len(by_space) == len(candidates) and chosen:
            left = [file.path for file in candidates if file not in chosen]
            aside += [f"{path}: {chosen[0].path} is used in its place" for path in left]
            candidates = chosen
    if len(candidates) > 1:
        raise InputError(
            f"several files could be the {role}", found=", ".join(file.path for file in candidates),
            expected="one, in a pipeline folder that index.derivatives names",
        )  # fmt: skip
    return (candidates[0] if candidates else None), aside


def _conformed(file: NamedFile, header: Header) -> bool:
    """Tell FreeSurfer's conformed grid, whose world is that of the T1w; nothing but FreeSurfer writes mgz."""
    on_it = tuple(header.shape) == (CONFORMED,) * 3 and all(abs(side - 1) < 1e-3 for side in header.voxel_size)
    return on_it and file.extension.lower() == ".mgz"


def _same_voxels(one: Header, other: Header) -> bool:
    return one.raw == other.raw or same_voxels(one, other)


def _by_space(files: list[NamedFile], grids: list[str], *, compare: bool) -> tuple[list[NamedFile], list[str]]:
    """Leave out what says that it was drawn on an image that the session does not have."""
    kept, aside = [], []
    for file in files:
        space = space_named(file.path)
        if space and compare and space not in grids:
            aside.append(f"{file.path}: drawn in the space {space}, which no image of the session has; not used")
        else:
            kept.append(file)
    return kept, aside


def _plainness(file: NamedFile) -> tuple:
    """Order the files of one pipeline: a mask before numbered parts and probabilities, aseg before its finer parts."""
    stem = file.path.rpartition("/")[2].partition(".")[0].lower()
    return (bool(re.search(r"prob|prob_\d", stem)), "annotated" in stem, "out_cnn" in stem, "desc-aseg" not in stem)


def _of_session(images: list[NamedFile], session: str, name: str) -> tuple[list[NamedFile], list[str]]:
    """Keep the images of the session, else of the participant's only session that has any."""
    own = [image for image in images if image.session == session]
    if own or not images:
        return own, []
    others = sorted({image.session for image in images})
    if len(others) > 1:
        return [], [f"no {name} in this session, and several others have one: {', '.join(others)}"]
    return images, [f"{name} is taken from {others[0] or 'the participant, outside any session'}"]


def _several(images: list[NamedFile], name: str) -> list[str]:
    if len(images) == 1:
        return []
    others = ", ".join(image.path for image in images[1:])
    return [f"of several {name}, {images[0].path} is used; left aside: {others}"]


def _check_counts(header: Header, image: NamedFile, bval: tuple[str, int], bvec: tuple[str, int]) -> None:
    """Refuse a series whose tables are those of another one."""
    for (path, found), per_volume in ((bval, 1), (bvec, 3)):
        if found != per_volume * header.volumes:
            raise InputError(
                "the gradient table does not fit the image", file=path, found=f"{found} numbers",
                expected=f"{per_volume * header.volumes} for the {header.volumes} volumes of {image.path}",
            )  # fmt: skip


def _count_values(bids_dir: str, path: str) -> int:
    """Count the numbers of a gradient file; 0 where it does not exist yet."""
    if not bids_dir:
        return 0
    try:
        count = len(Path(bids_dir, path).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or "no text"
        raise InputError("the gradient table cannot be read", file=path, found=found) from error
    if not count:
        raise InputError("the gradient table is empty", file=path, expected="numbers")
    return count
