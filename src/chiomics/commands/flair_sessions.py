"""New sessions as a user has them: prepared files, the results of a run of the workflow, or a FLAIR with its T1w.

All go through the same steps as the training cohort: the anatomy stage's bias correction, brain, tissue, lesions and
transforms, then `images.prepare`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from chiomics.anatomy.files import SessionFiles
from chiomics.commands.flair_segmentation import prepare_segmentation
from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError, SettingError
from chiomics.flair.images.prepare import Prepared

log = logging.getLogger(__name__)
#: Where the anatomy stage keeps a session, below a folder of results.
PATTERN = "sub-*/**/anat/*_segmentation"
#: Columns of a run's manifest that say who a session is.
ABOUT = ("age", "sex")


@dataclass(frozen=True)
class Refused:
    """A session that cannot be prepared.

    Attributes
    ----------
    participant, session : str
        Who.
    reason : str
        Why.
    """

    participant: str
    session: str
    reason: str


def find_segmentations(folder: str | Path) -> list[tuple[dict[str, Any], Path]]:
    """Find the sessions that a run of the workflow mapped the anatomy of.

    Parameters
    ----------
    folder : path-like
        Its ``results``, or the folder that holds them.

    Returns
    -------
    list of tuple
        Who the session is, and the folder of its segmentation.

    Raises
    ------
    InputError
        Where there is none.
    """
    root = Path(folder)
    if not any(root.glob("sub-*")) and (root / "results").is_dir():
        root = root / "results"
    paths = sorted(path for path in root.glob(PATTERN) if path.is_dir())
    if not paths:
        subjects = sum(path.is_dir() for path in root.glob("sub-*"))
        raise InputError(
            "the folder holds no session whose anatomy was mapped", file=folder, found=f"{subjects} folders sub-*",
            expected=f"results of a run of chiomics ({PATTERN}); a FLAIR and its T1w alone are given by --flair, --t1w",
        )  # fmt: skip
    manifest = root / "manifest.tsv"
    known = {}
    if manifest.is_file():
        table = pd.read_csv(manifest, sep="\t", dtype=str, keep_default_na=False)
        known = table.set_index("session").to_dict("index") if "session" in table else {}
    found = []
    for path in paths:
        session = path.name.removesuffix("_segmentation").removesuffix("_space-T1w")
        who = {name: known.get(session, {}).get(name) for name in ABOUT}
        participant = next(part for part in path.relative_to(root).parts if part.startswith("sub-"))
        simulated = (root / "phantom").is_dir()
        found.append(({"participant": participant, "session": session, **who, "simulated": simulated}, path))
    return found


def prepare_each(
    segmentations: Sequence[tuple[Mapping[str, Any], Path]], sizes: Mapping[str, int]
) -> Iterator[Prepared | Refused]:
    """Prepare sessions from their segmentations, one when it is asked for; one that cannot be prepared stops no other.

    Parameters
    ----------
    segmentations : sequence of tuple
        Of `find_segmentations`.
    sizes : mapping
        ``edge`` and ``pixels``.

    Yields
    ------
    Prepared or Refused
        Of each session.
    """
    for about, path in segmentations:
        try:
            found = prepare_segmentation(path, about, **sizes)[0]
        except InputError as error:
            yield Refused(about["participant"], about["session"], str(error))
        else:
            yield found


def prepare_images(
    files: Mapping[str, Path | None], anatomy: Mapping[str, Any], sizes: Mapping[str, int], *, needs_mask: bool
) -> Prepared:
    """Map the anatomy of one session from its images, and prepare it.

    Parameters
    ----------
    files : mapping of str to path-like or None
        ``FLAIR``, ``T1w``, ``lesion_mask`` and ``T1w_mask``; the last two may be None.
    anatomy : mapping
        Settings of the anatomy stage.
    sizes : mapping
        ``edge`` and ``pixels``.
    needs_mask : bool
        Whether lesions may not be found by the anatomy stage.

    Returns
    -------
    Prepared
        Of one session.

    Raises
    ------
    InputError
        Where an image is missing or cannot be used.
    """
    from chiomics.anatomy.session.segmentation import segment_session

    for name, option in (("FLAIR", "--flair"), ("T1w", "--t1w")):
        if files[name] is None:
            raise SettingError(
                f"a session given as files needs its {name}",
                found=", ".join(str(path) for path in files.values() if path), expected=option,
            )  # fmt: skip
    for path in files.values():
        if path is not None and not Path(path).is_file():
            raise InputError("there is no such file", file=path, expected="an image, NIfTI")
    if needs_mask and files["lesion_mask"] is None:
        raise InputError(
            "the model looks at lesion masks, and none is given", file=files["FLAIR"],
            expected="--lesions MASK, or --find-lesions to have them found on FLAIR and T1w",
        )  # fmt: skip
    entities = parse_name(Path(files["FLAIR"]).name)[0]
    participant = f"sub-{entities['sub']}" if "sub" in entities else Path(files["FLAIR"]).name.partition(".")[0]
    parts = [participant, *(f"{key}-{entities[key]}" for key in ("ses", "run") if key in entities)]
    about = {"participant": participant, "session": "_".join(parts), "simulated": False}
    given = SessionFiles(**{name: Path(path) for name, path in files.items() if path is not None})
    with TemporaryDirectory() as folder:
        segmentation, scratch = Path(folder, "segmentation"), Path(folder, "scratch")
        segmentation.mkdir()
        scratch.mkdir()
        lost = segment_session(given, segmentation, settings=anatomy, scratch=scratch)
        if lost:
            name, reason = next(iter(lost.items()))
            raise InputError(f"the {name} cannot be used", file=files.get(name) or files["lesion_mask"], found=reason)
        return prepare_segmentation(segmentation, about, **sizes)[0]


def read_prepared(paths: Sequence[str | Path]) -> Prepared:
    """Open prepared files (``*_desc-classifiers_FLAIR.npz``), refusing what is missing."""
    for path in paths:
        if not Path(path).is_file():
            raise InputError(
                "there is no such file", file=path,
                expected="results of a run of chiomics, or files prepared by its rule prepare_flair",
            )  # fmt: skip
    return Prepared.open(paths)
