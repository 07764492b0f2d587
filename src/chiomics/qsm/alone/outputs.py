"""Where the steps on plain NIfTI may write: looked at before the work, not after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.qsm.alone.plain_images import ENDINGS, sidecar_path


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Stop where an image cannot be written, or would be written over an input or another output.

    Parameters
    ----------
    outputs : sequence of Path
        Images to write; the JSON beside each is written as well.
    inputs : sequence of Path
        Files to read.

    Raises
    ------
    InputError
        For a name that does not end as NIfTI does, a folder that is not there or cannot be written to, and a file that
        is read, or written twice.
    """
    taken = {_real(file) for path in inputs for file in (path, sidecar_path(path))}
    for path in outputs:
        if not path.name.endswith(ENDINGS):
            raise InputError("the output's name", found=str(path), expected="a name that ends in .nii.gz or .nii")
        if not path.parent.is_dir():
            raise InputError("the output's folder does not exist", file=path.parent)
        if path.is_dir():
            raise InputError("the output is a folder", file=path, expected="the name of an image to write")
        try:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise InputError("the output cannot be written", file=path, found=error.strerror) from error
        for file in (path, sidecar_path(path)):
            if _real(file) in taken:
                raise InputError("the output lies over an input, or over another output", file=file)
        taken |= {_real(path), _real(sidecar_path(path))}


def _real(path: Path) -> str:
    return os.path.realpath(path)
