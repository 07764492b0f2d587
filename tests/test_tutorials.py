"""The tutorials of the documentation run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chiomics.index import read_manifest

FOLDER = Path(__file__).resolve().parents[1] / "docs/tutorials"
_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """Return language and text of a page's blocks, in their order."""
    return _BLOCK.findall((FOLDER / f"{page}.md").read_text(encoding="utf-8"))


def follow(page: str, folder: Path) -> str:
    """Run a page's blocks in a folder, those of Python as one session; return what they print."""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    said, session = [], ""
    for language, text in blocks(page):
        if language == "python":
            session += text
        script = ["bash", "-euo", "pipefail", "-c", text] if language == "bash" else [sys.executable, "-c", session]
        done = subprocess.run(
            script, cwd=folder, env=os.environ | {"PATH": tools}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        said.append(done.stdout)
    return "\n".join(said)


def test_features_in_python(tmp_path):
    whole = "\n".join(text for _, text in blocks("features-in-python"))
    done = subprocess.run([sys.executable, "-c", whole], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "features.csv").read_text().count("\n") == 3, "a head and a row for each region"


@pytest.mark.slow
def test_own_bids(tmp_path):
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    said = follow("own-bids", tmp_path)
    assert "moved in the scanner" in said
    rows = {row["session"]: row["status"] for row in read_manifest(tmp_path / "out/results/manifest.tsv")}
    assert rows == {"sub-HC01": "included", "sub-MS01": "excluded"}
    assert list(tmp_path.glob("out/results/sub-HC01/anat/*_Chimap.nii.gz"))
    assert not list(tmp_path.glob("out/results/sub-MS01/anat/*_Chimap.nii.gz"))


@pytest.mark.slow
def test_paper_from_a_table(tmp_path):
    said = follow("paper-from-a-table", tmp_path)
    folder = tmp_path / "study/results/papers/yan2021"
    assert list(folder.glob("figure*.png")) and list(folder.glob("table*.tsv"))
    assert (folder / "README.md").read_text().splitlines()[0] in said
