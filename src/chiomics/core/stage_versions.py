"""The version of each stage's code: bumped by hand where numbers change, and checked against what the sources are.

``python -m chiomics.core.stage_versions`` says which stages have changed since their version was set; with
``--bump qsm`` or ``--same qsm`` it writes what a developer decides: numbers change, or they do not. Comments,
docstrings and blank lines are no change. Results carry the version, so that a study knows which of its sessions an
upgrade has left behind.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import sys
import tokenize
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.core.files import write_text

PACKAGE = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_name("stage_versions.tsv")
COLUMNS = ("stage", "version", "sources")
#: What every stage reads images with.
SHARED = ("core/images.py", "core/space")
#: What else gives a stage its numbers.
ALSO = {
    "phantom": ("core/priors",),
    "qsm": ("core/priors",),
    "anatomy": ("core/priors",),
    "robustness": ("core/scores",),
    "diagnosis": ("core/scores",),
    "rims": ("core/learning", "core/scores", "commands/rims_predict.py"),
    "flair": (
        "core/learning",
        "core/scores",
        *(f"commands/flair_{name}.py" for name in ("predict", "segmentation", "sessions")),
    ),
}
#: Files that are code or hold its constants.
ENDINGS = (".py", ".yaml", ".json", ".tsv", ".gz")


def read_versions(path: str | Path = TABLE) -> dict[str, tuple[int, str]]:
    """Read version and digest of sources by stage."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()[1:]
    return {stage: (int(version), sources) for stage, version, sources in (line.split("\t") for line in lines)}


@cache
def digest_sources(stage: str, package: Path = PACKAGE) -> str:
    """Condense the sources of a stage.

    Parameters
    ----------
    stage : str
        E.g. ``qsm``: its package, what every stage reads images with, and `ALSO`.
    package : Path
        Folder of the package.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    places = [package / name for name in (stage, *SHARED, *ALSO.get(stage, ()))]
    files = [
        file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))
        if file.suffix in ENDINGS and file.is_file()
    ]  # fmt: skip
    state = hashlib.blake2b(digest_size=16)
    for file in files:
        found = file.stat()
        state.update(f"{file.relative_to(package)}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return _remembered(
        package / "__pycache__" / f"sources_of_{stage}.txt", state.hexdigest(), lambda: _digest(files, package)
    )


def _digest(files: Sequence[Path], package: Path) -> str:
    found = hashlib.blake2b(digest_size=8)
    for file in files:
        content = file.read_bytes()
        found.update(str(file.relative_to(package)).encode() + b"\0")
        found.update(code_alone(content.decode()).encode() if file.suffix == ".py" else content)
    return found.hexdigest()


def _remembered(path: Path, state: str, make: Callable[[], str]) -> str:
    """Keep a digest beside Python's own compiled files, which it trusts by the same size and time of the sources.

    Every job of a session asks for its stage's, and each would parse some 60 files anew.
    """
    with suppress(OSError, ValueError):
        known, digest = path.read_text(encoding="ascii").split()
        if known == state:
            return digest
    digest = make()
    if path.parent.is_dir() and not sys.dont_write_bytecode:
        with suppress(OSError):
            write_text(path, f"{state} {digest}\n")
    return digest


def code_alone(source: str) -> str:
    """Take comments, docstrings and blank lines away, by rules that are the same in every version of Python."""
    lines = source.splitlines(keepends=True)
    spans = [
        (token.start, token.end)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Expr) or node.end_lineno is None or node.end_col_offset is None:
            continue
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            places = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
            left, right = ((row, len(lines[row - 1].encode()[:offset].decode())) for row, offset in places)  # of bytes
            spans.append((left, right))
    for (first, start), (last, end) in sorted(spans, reverse=True):
        lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:]] + [""] * (last - first)
    return "\n".join(filter(None, (line.rstrip() for line in "".join(lines).splitlines())))


@cache
def stage_version(stage: str) -> str:
    """Return the version of a stage's code as results carry it.

    Parameters
    ----------
    stage : str
        E.g. ``qsm``.

    Returns
    -------
    str
        E.g. ``1``; where the sources are not those that the version was set for, with their digest, ``1+5e0c34ab``.
    """
    version, sources = read_versions()[stage]
    here = digest_sources(stage)
    return str(version) if here == sources else f"{version}+{here[:8]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Say which stages have changed, or write what is decided of them."""
    versions = read_versions()
    parser = argparse.ArgumentParser(prog="python -m chiomics.core.stage_versions", description=__doc__)
    parser.add_argument("--bump", nargs="+", default=[], metavar="STAGE", help="numbers change: a new version")
    parser.add_argument("--same", nargs="+", default=[], metavar="STAGE", help="numbers do not change; or: all")
    parsed = parser.parse_args(arguments)
    same = list(versions) if parsed.same == ["all"] else parsed.same
    if unknown := [stage for stage in (*parsed.bump, *same) if stage not in versions]:
        raise InputError("no such stage", found=", ".join(unknown), expected=", ".join(versions))
    for stage in (*parsed.bump, *same):
        versions[stage] = (versions[stage][0] + (stage in parsed.bump), digest_sources(stage))
    rows = ["\t".join(COLUMNS), *(f"{stage}\t{version}\t{sources}" for stage, (version, sources) in versions.items())]
    if parsed.bump or same:
        write_text(TABLE, "\n".join(rows) + "\n")
    changed = [stage for stage, (_, sources) in versions.items() if digest_sources(stage) != sources]
    for stage in changed:
        print(
            f"{stage}: the sources have changed since version {versions[stage][0]}: --bump {stage}, or --same {stage}"
        )
    return len(changed)


if __name__ == "__main__":
    sys.exit(main())
