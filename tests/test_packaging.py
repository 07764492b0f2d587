"""What pip installs: the workflow, as the checkout has it, and the commit it was built from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from chiomics import __version__

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ("Snakefile", "workflow/", "scripts/", "config/", "envs/", "profiles/")
#: What setuptools adds to every source archive, and setup.py the commit.
ADDED = {"PKG-INFO", "setup.cfg", "src/chiomics/commit.txt"}


def test_no_older_snakemake_is_promised_than_the_one_that_is_tested():
    pinned = re.search(r"(?m)^snakemake==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (asked,) = (found[1] for line in dependencies if (found := re.match(r"snakemake>=([\d.]+),<", line)))
    checked = re.search(r'min_version\("([\d.]+)"\)', (ROOT / "Snakefile").read_text(encoding="utf-8"))
    assert pinned and checked and pinned[1] == asked == checked[1]


#: Interpreters as `make install` looks for them: it asks each by `-c` whether it can be taken, then calls `-m venv`.
INTERPRETER = """#!/bin/sh
case "$*" in
    *--version*) echo "Python 3.9.2"; exit {supported};;
    "-m venv"*) echo "taken: $0"; exit 7;;
esac
exit {supported}
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"python3.12", "python3"}, "python3.12"),
        ({"python3.13", "python3.12", "python3.11"}, "python3.13"),
        (set(), ""),
    ],
)
def test_make_install_takes_the_newest_supported_interpreter_or_says_which_package_to_install(tmp_path, there, taken):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("python3.13", "python3.12", "python3.11", "python3", "uv"):
        (programs / name).write_text(INTERPRETER.format(supported=int(name not in there)))
        (programs / name).chmod(0o755)
    call = ["make", "-C", str(ROOT), "install", f"VENV={tmp_path}/venv"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment["PATH"] = f"{programs}:/usr/bin:/bin"
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    if taken:
        assert f"taken: {programs}/{taken}\n" in done.stdout
    else:
        assert "apt install python3 python3-venv" in done.stderr and "uv python install" in done.stderr
        assert "python3 is Python 3.9.2" in done.stderr


def git(*words: str, folder: Path = ROOT) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Return a clone with what the working tree has changed: builds leave folders behind."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no checkout, or git is not installed")
    folder = tmp_path_factory.mktemp("checkout") / "chiomics"
    git("clone", "-q", "--shared", str(ROOT), str(folder))
    changed = git("diff", "--name-only", "HEAD") + git("ls-files", "--others", "--exclude-standard")
    for name in changed.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, folder / name)
        else:
            (folder / name).unlink()
    git("add", "--all", folder=folder)
    for name in ("src/chiomics/qsm/__pycache__/dipole.pyc", "src/chiomics/qsm/__pycache__/dipole.1.nbc"):
        (folder / name).parent.mkdir(exist_ok=True)  # what running the code leaves behind
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def archives(checkout, tmp_path_factory) -> tuple[Path, Path]:
    """Return the source archive, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    backend = "from setuptools import build_meta; print(build_meta.build_{kind}({folder!r}))"
    made = []
    for kind, place in (("sdist", checkout), ("wheel", folder / "unpacked")):
        if kind == "wheel":
            with tarfile.open(made[0]) as archive:
                # Python has the filter from 3.11.4 on.
                archive.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            (place,) = place.iterdir()
        code = backend.format(kind=kind, folder=str(folder))
        done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        made.append(folder / done.stdout.splitlines()[-1])
    return made[0], made[1]


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory) -> Path:
    """Return a folder into which the wheel was installed, without what it depends on."""
    folder = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(folder)]
    subprocess.run([*call, str(archives[1])], check=True)
    return folder


def call(installed: Path, *words: str, folder: Path) -> subprocess.CompletedProcess:
    """Call the installed command; the environment of the tests lends it its libraries."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    line = [sys.executable, str(installed / "bin/chiomics"), *words]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_source_archive_is_the_checkout(checkout, archives):
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    names = {name for name in names if not name.startswith("src/chiomics.egg-info/")}
    assert names - ADDED == set(git("ls-files", folder=checkout).splitlines())


def test_the_wheel_holds_every_file_of_package_and_workflow_as_it_is(checkout, archives):
    tracked = git("ls-files", folder=checkout).splitlines()
    expected = {name: f"chiomics/bundle/{name}" for name in tracked if name.startswith(WORKFLOW)}
    expected |= {name: name.removeprefix("src/") for name in tracked if name.startswith("src/chiomics/")}
    with zipfile.ZipFile(archives[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert names - {"chiomics/commit.txt"} == set(expected.values())
        for source, name in expected.items():
            assert wheel.read(name) == (checkout / source).read_bytes(), name


def test_it_knows_the_commit_that_it_was_built_from(checkout, installed, tmp_path):
    commit = git("rev-parse", "HEAD", folder=checkout)[:12]
    dirty = ".dirty" if git("status", "--porcelain", "--untracked-files=no", folder=checkout) else ""
    assert call(installed, "--version", folder=tmp_path).stdout.strip() == f"chiomics {__version__}+g{commit}{dirty}"


def test_the_workflow_runs_from_the_wheel(installed, tmp_path):
    plan = call(installed, "demo", "out", "--dry-run", folder=tmp_path)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert f"--snakefile {installed / 'chiomics/bundle/Snakefile'}" in plan.stdout
    assert "simulate_subject" in plan.stdout + plan.stderr
    assert not (tmp_path / "out/results").exists(), "a plan writes no results"
    line = ["--snakefile", str(installed / "chiomics/bundle/Snakefile"), "--directory", "run", "--cores", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *line, "--", "results/phantom/participants.tsv"], cwd=tmp_path, text=True,
        env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/results/phantom/participants.tsv").is_file()


def test_paths_of_an_installed_workflow_start_in_the_folder_of_the_run(installed, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "bids").mkdir()
    (tmp_path / "mine.yaml").write_text("bids_dir: null\nfeatures: table.parquet\n")
    done = call(installed, "demo", "out", "-n", "--configfile", "mine.yaml", folder=tmp_path)
    assert done.returncode != 0
    assert str(tmp_path / "out/table.parquet") in done.stdout + done.stderr
