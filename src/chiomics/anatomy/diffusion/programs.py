"""The programs of the diffusion branch: which are missing, and how one is called so that a re-run gives the same bytes.

MRtrix3 (Tournier et al. 2019, NeuroImage 202:116137) and FSL (Jenkinson et al. 2012, NeuroImage 62:782) are called
through nipype. MRtrix3's streamlines come in the same order with the same random numbers only where one thread draws
them (``-nthreads 0``) from a given seed (``MRTRIX_RNG_SEED``).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from pathlib import Path

# nipype asks a server for news of itself unless told not to; a cluster's node may have no network.
os.environ["NIPYPE_NO_ET"] = "1"
from nipype.interfaces import fsl, mrtrix3
from nipype.interfaces.base import CommandLine

__all__ = ["ProgramError", "command_of", "fsl", "missing_programs", "mrtrix3", "run_program"]

#: Commands of MRtrix3 that the branch cannot do without, in the order of use.
REQUIRED = (
    "dwi2mask", "dwidenoise", "mrdegibbs", "dwi2tensor", "tensor2metric", "dwi2response", "dwi2fod", "tckgen", "tckmap",
)  # fmt: skip
#: Commands of FSL that it does without, and says so; each by the names that it goes by.
OPTIONAL = {"topup": ("topup",), "eddy": ("eddy_openmp", "eddy_cpu", "eddy")}
#: Characters of a failed program's output that its error repeats, the last, without the terminal's control codes.
SHOWN_CHARACTERS = 2000
CONTROL = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")

log = logging.getLogger(__name__)


class ProgramError(RuntimeError):
    """A program stopped with an error; its last lines are in the message."""


def missing_programs(*optional: str) -> tuple[str, ...]:
    """Name the commands that are not on this machine.

    Parameters
    ----------
    *optional : str
        ``topup``, ``eddy``: asked for instead of MRtrix3's.

    Returns
    -------
    tuple of str
        Empty where all are there.
    """
    wanted = {name: OPTIONAL[name] for name in optional} if optional else {name: (name,) for name in REQUIRED}
    return tuple(name for name, commands in wanted.items() if not any(map(shutil.which, commands)))


def command_of(name: str) -> str:
    """Return the command by which a program of FSL goes on this machine."""
    return next(command for command in OPTIONAL[name] if shutil.which(command))


def run_program(interface: CommandLine, *, seed: int = 0, folder: Path | None = None) -> None:
    """Run a program in one thread.

    Parameters
    ----------
    interface : nipype.interfaces.base.CommandLine
        With its inputs; outputs by absolute path.
    seed : int
        Of MRtrix3's random numbers.
    folder : Path, optional
        Where it runs, for programs that take names of outputs without a folder.

    Raises
    ------
    ProgramError
        Where the program is absent or stops with an error.
    """
    interface.inputs.environ = {
        "MRTRIX_NTHREADS": "0", "MRTRIX_RNG_SEED": str(seed), "MRTRIX_QUIET": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    interface.terminal_output = "allatonce"
    log.info("%s", interface.cmdline)
    # Without errors of nipype's own: they tell of a missing file where the program's last lines tell why.
    result = interface.run(cwd=None if folder is None else str(folder), ignore_exception=True)
    runtime = result.runtime
    if getattr(runtime, "returncode", None) == 0 and result.outputs is not None:
        return
    said = "\n".join(str(getattr(runtime, stream, None) or "") for stream in ("stdout", "stderr"))
    lines = CONTROL.sub("", said).replace("\r", "\n").splitlines()
    lines = [line for line in lines if line.strip() and "%]" not in line]
    shown = "\n".join(lines)[-SHOWN_CHARACTERS:] or "\n".join(getattr(runtime, "traceback_args", ()))
    raise ProgramError(f"{interface.cmd} stopped with status {getattr(runtime, 'returncode', 'unknown')}:\n{shown}")
