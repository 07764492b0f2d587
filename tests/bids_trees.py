"""Build BIDS trees of tiny NIfTI files from a short description, for tests.

A description maps paths, in which ``{a,b}`` stands for several, to what the file holds::

    make_bids_tree(folder, {
        "sub-{01,02}/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": {"EchoTime": [0.004, 0.012, 0.02]},
        "sub-01/anat/{name}_T1w": {},
        "MEGRE.json": {"MagneticFieldStrength": 3},
    })

``{name}`` is the participant and session of the path. A path without an extension is an image, ``.nii.gz``, with a
sidecar of the given fields where there are any. The keys ``shape``, ``affine``, ``code`` (of sform and qform),
``dtype`` and ``extension`` describe the image itself. A list in ``EchoTime`` is taken by echo number; a list in a list
is kept. With another extension the value is the file's content: a dict is JSON, a list of lists TSV, a string or bytes
as they are.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (24, 22, 20)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
_IMAGE_KEYS = ("shape", "affine", "code", "dtype", "extension")
#: A complete multi-echo session, for tests that need one and do not care which.
GRE = {"EchoTime": [0.004, 0.012, 0.02, 0.028], "MagneticFieldStrength": 3}


def make_bids_tree(folder: Path, spec: dict) -> Path:
    """Write the files of a description below `folder` and return it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for pattern, content in spec.items():
        for path in expand(pattern):
            _write(folder / path, content)
    return folder


def multi_echo(participants: str = "01", echoes: int = 3, session: str = "") -> dict:
    """Describe complete multi-echo GRE, e.g. ``multi_echo("{01,02}", session="ses-{1,2}/")``."""
    numbers = ",".join(str(n + 1) for n in range(echoes))
    return {f"sub-{participants}/{session}anat/{{name}}_echo-{{{numbers}}}_part-{{mag,phase}}_MEGRE": GRE}


def expand(pattern: str) -> list[str]:
    """Expand ``{a,b}`` and ``{name}``; braces around a single choice are dropped."""
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    choices = [[piece] if index % 2 == 0 or piece == "name" else piece.split(",") for index, piece in enumerate(pieces)]
    paths = []
    for combination in itertools.product(*choices):
        path = "".join("\0" if piece == "name" and index % 2 else piece for index, piece in enumerate(combination))
        folders = [part for part in path.split("/")[:-1] if part.startswith(("sub-", "ses-"))]
        paths.append(path.replace("\0", "_".join(folders)))
    return paths


def write_image(path: Path, *, shape=SHAPE, affine=AFFINE, code=1, dtype=np.int16) -> None:
    """Write an image of zeros."""
    image = nib.Nifti1Image(np.zeros(shape, dtype), None)
    image.header.set_xyzt_units("mm")
    image.header.set_sform(affine, code=code)
    image.header.set_qform(affine, code=code)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def put_file(folder: Path, path: str) -> None:
    """Put a file under any name, however odd: an image of zeros, or what begins like an NRRD."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    if ".nii" in path.lower():
        kept = folder / ("image.nii" if path.lower().endswith(".nii") else "image.nii.gz")
        nib.save(nib.Nifti1Image(np.zeros((30, 31, 32), np.uint8), np.eye(4)), kept)
        kept.rename(folder / path)
    else:
        (folder / path).write_bytes(b"NRRD0004")


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == "":
        described = {key: content[key] for key in _IMAGE_KEYS if key in content}
        write_image(Path(f"{path}{described.pop('extension', '.nii.gz')}"), **described)
        fields = {key: value for key, value in content.items() if key not in _IMAGE_KEYS}
        if isinstance(fields.get("EchoTime"), list):
            times, echo = fields["EchoTime"], re.search(r"_echo-(\d+)", path.name)
            fields["EchoTime"] = times[0] if isinstance(times[0], list) else times[int(echo[1]) - 1 if echo else 0]
        if fields:
            path.with_name(f"{path.name}.json").write_text(json.dumps(fields))
    elif path.name.endswith((".nii", ".nii.gz")):
        write_image(path, **content)
    elif isinstance(content, dict):
        path.write_text(json.dumps(content))
    elif isinstance(content, list):
        path.write_text("".join("\t".join(map(str, line)) + "\n" for line in content))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
