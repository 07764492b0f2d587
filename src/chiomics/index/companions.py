"""Choose the images that go with a GRE run: T1w, FLAIR, DWI, and what others derived (masks, labels, χ maps)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.index.headers import Header, check_content, shared_grid
from chiomics.index.names import IMAGES, NamedFile
from chiomics.index.sidecars import Sidecars

STRUCTURAL = ("T1w", "FLAIR")
DERIVED = ("T1w_mask", "brain_mask", "lesion_mask", "lesion_labels", "tissue_labels", "chi_map", "voi_labels")
#: Derivatives drawn on the GRE's own voxels; lesions and tissues may also be drawn on the FLAIR or the T1w.
ON_GRE_GRID = frozenset(("brain_mask", "chi_map", "voi_labels"))
_LESION, _VOI = frozenset(("lesion", "lesions")), frozenset(("voi", "vois"))
#: How whole-brain segmentations are called (FreeSurfer's, also by fMRIPrep, and SynthSeg's).
_TISSUE = frozenset(("aseg", "aparcaseg", "wmparc", "synthseg"))


def role_of(file: NamedFile) -> str:
    """Tell what a derivative is, one of `DERIVED`, or an empty string."""
    if not file.pipeline or file.extension not in IMAGES or not file.entities or "hemi" in file.entities:
        return ""
    suffix = file.suffix.lower()
    labels = {file.entities[key].lower() for key in ("desc", "label") if key in file.entities}
    if suffix == "chimap":
        return "chi_map"
    if suffix in ("mask", "brainmask") and (not labels or "brain" in labels):
        return "brain_mask"
    if suffix in ("mask", "roi") and labels & _LESION:
        return "lesion_mask"
    if suffix == "dseg" and labels & _LESION:
        return "lesion_labels"
    if suffix == "dseg" and labels & _TISSUE:
        return "tissue_labels"
    if suffix == "dseg" and labels & _VOI:
        return "voi_labels"
    return ""


def choose_structural(files: list[NamedFile], session: str, suffix: str) -> tuple[NamedFile | None, list[str]]:
    """Choose the T1w or FLAIR of a session.

    Parameters
    ----------
    files : list of NamedFile
        Raw files of the participant.
    session : str
        E.g. ``ses-2``, or empty.
    suffix : str
        ``T1w`` or ``FLAIR``.

    Returns
    -------
    image : NamedFile or None
        Of the same session, else of the participant's only session that has one. Of several, the plainest name.
    warnings : list of str
        What else there was to choose from.
    """
    images = [
        file
        for file in files
        if file.suffix == suffix and file.datatype == "anat" and file.extension in IMAGES
        and "desc" not in file.entities and file.entities.get("part", "mag") == "mag"
    ]  # fmt: skip
    images, warnings = _of_session(images, session, suffix)
    if not images:
        return None, warnings
    images.sort(key=lambda file: (len(file.entities), file.path))
    check_content(images[0])
    return images[0], warnings + _several(images, suffix)


def choose_dwi(
    bids_dir: str, files: list[NamedFile], session: str, gradients: tuple[Sidecars, Sidecars]
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
        if file.suffix == "dwi" and file.datatype == "dwi" and file.extension in IMAGES
        and file.entities.get("part", "mag") == "mag"
    ]  # fmt: skip
    images, warnings = _of_session(images, session, "DWI")
    complete = []
    for image in images:
        bval, bvec = ((sidecars.paths(image) or [""])[-1] for sidecars in gradients)
        if bval and bvec:
            complete.append((image, bval, bvec))
        else:
            warnings.append(f"{image.path}: no bval or no bvec, not used")
    if not complete:
        return ("", "", ""), warnings
    if len(complete) > 1:
        complete.sort(key=lambda series: (-_count_values(bids_dir, series[1]), series[0].path))
        warnings += _several([series[0] for series in complete], "DWI series")
    image, bval, bvec = complete[0]
    check_content(image)
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
    for file in candidates:
        check_content(file)
    aside: list[str] = []
    if grids and read is not None:
        headers = [(file, read(file)) for file in candidates]
        fitting = {name: [file for file, header in headers if shared_grid(grid, header)] for name, grid in grids}
        best = next((files for files in fitting.values() if files), [])
        names = " or ".join(fitting)
        aside = [
            f"{file.path}: not on the grid of the {names}, not used"
            for file in candidates
            if not any(file in files for files in fitting.values())
        ]
        candidates = best
    if len(candidates) > 1:
        raise InputError(
            f"several files could be the {role}", found=", ".join(file.path for file in candidates),
            expected="one, in a pipeline folder that index.derivatives names",
        )  # fmt: skip
    return (candidates[0] if candidates else None), aside


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


def _count_values(bids_dir: str, path: str) -> int:
    try:
        return len(Path(bids_dir, path).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the b-values cannot be read", file=path, found=str(error)) from error
