"""The lock holds for every Python and every machine that the README names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-apple-darwin")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("uv") is None, reason="resolving takes uv")]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_lock_resolves(version, platform):
    asked = ["--python-version", version, "--python-platform", platform, "--no-header", "--no-annotate", "--quiet"]
    command = ["uv", "pip", "compile", str(ROOT / "requirements.lock"), *asked]
    # antspyx has no wheel for an older macOS.
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
    )
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", done.stdout))
    locked = re.findall(r"(?m)^([\w.-]+)==([\w.+]+)", (ROOT / "requirements.lock").read_text())
    assert set(found.items()) <= set(locked), "what is resolved is what is locked"
    assert {"snakemake", "antspyx", "numpy"} <= set(found)
    assert ("pyradiomics" in found) == (version == "3.11")
