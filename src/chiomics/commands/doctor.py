"""`chiomics doctor`: what of chiomics works on this machine, and what to do about the rest."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chiomics.core.command_line import add_command

#: GiB of memory and of disk below which the stages of a session of 384 x 384 x 96 voxels are told to be tight.
MEMORY_GIB, DISK_GIB = 6.0, 5.0
#: Module, its package, what it serves, and whether nothing works without it.
MODULES = (
    ("snakemake", "snakemake", "the workflow", True),
    ("nibabel", "nibabel", "images", True),
    ("ants", "antspyx", "registration", True),
    ("SimpleITK", "SimpleITK", "images for features", True),
    ("sklearn", "scikit-learn", "classifiers", True),
    ("radiomics", "pyradiomics", "`engine: pyradiomics`, the reference of the features", False),
    ("torch", "torch", "networks of zhang2022, wang2020 and seok2023, brain extraction by deepbet", False),
    ("deepbet", "deepbet", "brain extraction by a network", False),
)
#: Program, and what it serves.
PROGRAMS = (
    ("tckgen", "tracts traced from diffusion images (MRtrix3)"),
    ("flirt", "`registration: {program: fsl}`"),
    ("git", "the commit in the record of how results were made"),
)


class Finding(NamedTuple):
    """One line of the report."""

    state: str  # ok, missing (something does not work) or broken (nothing works)
    what: str
    said: str


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = add_command(
        subparsers,
        "doctor",
        summary="say what works on this machine",
        about="Say what of chiomics works on this machine, and what to do about the rest.",
        example="chiomics doctor --out /data/chiomics",
    )
    parser.add_argument("--out", type=Path, default=Path(), help="where results would be made; here by default")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; returns 1 where nothing works."""
    findings = list(examine(arguments.out))
    for finding in findings:
        print(f"{finding.state:8s} {finding.what:22s} {finding.said}")
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def examine(out: Path) -> Iterator[Finding]:
    """Look at the machine.

    Parameters
    ----------
    out : Path
        Where results would be made.

    Yields
    ------
    Finding
        Interpreter, modules, programs, memory, disk, temporary folder, compiled code, atlases, graphics card.
    """
    from chiomics.commands.run_snakemake import find_snakefile
    from chiomics.core.errors import InputError
    from chiomics.core.provenance import find_version

    yield Finding("ok", "chiomics", find_version())
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("ok" if supported else "broken", "Python", f"{platform.python_version()} (3.11 to 3.13 are served)")
    try:
        yield Finding("ok", "workflow", str(find_snakefile()))
    except InputError as error:
        yield Finding("broken", "workflow", str(error))
    yield from (_module(*facts) for facts in MODULES)
    for program, serves in PROGRAMS:
        place = shutil.which(program)
        yield Finding("ok" if place else "missing", program, place or f"not found: no {serves}")
    yield from _room(out)
    yield _compiled()
    yield from _atlases()
    yield _graphics()


def _module(name: str, package: str, serves: str, needed: bool) -> Finding:
    from chiomics.core.provenance import find_versions

    if importlib.util.find_spec(name) is None:
        return Finding("broken" if needed else "missing", package, f"not installed: no {serves}")
    return Finding("ok", package, find_versions(package).get(package, ""))


def _room(out: Path) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", "cores", f"{cores}")
    tight = "; large sessions may not fit, see docs/study.md" if memory < MEMORY_GIB else ""
    yield Finding("missing" if tight else "ok", "memory", f"{memory:.0f} GiB{tight}")
    place = out.resolve()
    while not place.exists():
        place = place.parent
    writable = os.access(place, os.W_OK)
    free = shutil.disk_usage(place).free / 2**30
    state = "broken" if not writable else "ok" if free > DISK_GIB else "missing"
    yield Finding(state, "disk", f"{free:.0f} GiB free in {place}{'' if writable else ', which cannot be written'}")
    temporary = tempfile.gettempdir()
    yield Finding("ok", "temporary files", f"{shutil.disk_usage(temporary).free / 2**30:.0f} GiB free in {temporary}")


def _probe(number: float) -> float:
    return number + 1


def _compiled() -> Finding:
    from chiomics.core.compiled import compiled

    folder = getattr(getattr(compiled(_probe), "stats", None), "cache_path", None)
    if folder is None:
        return Finding("missing", "compiled code", "no folder can be written: it is compiled anew by every job")
    return Finding("ok", "compiled code", f"kept in {folder}")


def _atlases() -> Iterator[Finding]:
    from chiomics.anatomy.atlases.fetch import default_cache, known_atlases

    for name, entry in known_atlases().items():
        folder = default_cache() / name
        absent = [file["name"] for file in entry["files"] if not (folder / file["name"]).is_file()]
        if absent:
            said = f"the first run downloads {', '.join(absent)}; without network put them into {folder}"
            yield Finding("missing", f"atlas {name}", said)
        else:
            yield Finding("ok", f"atlas {name}", f"in {folder}")


def _graphics() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("missing", "graphics card", "not looked for: torch is not installed")
    import torch

    if torch.cuda.is_available():
        return Finding("ok", "graphics card", torch.cuda.get_device_name())
    return Finding("missing", "graphics card", "none that torch can use: networks learn on the processor")
