"""The house: no stage imports another, core imports none, and no file grows out of hand."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/chiomics"
STAGES = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file())
MAX_LINES = 450
MAX_MODULES = 20
#: The one package that may compose stages: `chiomics rims predict` measures lesions with the features of the radiomics
#: stage, `chiomics flair predict` takes new sessions through the steps of the anatomy stage.
COMPOSES = "commands"


def imported(path: Path) -> set[str]:
    """List the stages that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("chiomics.")}
    return found & set(STAGES)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != COMPOSES])
def test_a_stage_imports_core_and_itself(stage):
    files = {path.relative_to(SOURCE).as_posix(): imported(path) for path in (SOURCE / stage).rglob("*.py")}
    others = {name: found - {"core", stage} for name, found in files.items()}
    assert {name: found for name, found in others.items() if found} == {}


def test_no_folder_holds_too_many_modules():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    many = {folder.relative_to(SOURCE).as_posix(): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in many.items() if count > MAX_MODULES} == {}


def test_the_simulation_of_other_stages_is_not_needed_by_what_runs_on_real_data():
    scripts = sorted(path for path in (ROOT / "scripts").rglob("*.py") if path.parent.name not in ("phantom", "report"))
    simulate = [path.name for path in scripts if "phantom" in imported(path)]
    assert all(name.startswith("simulate_") for name in simulate), simulate


def test_no_file_is_too_long():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    code = [
        path for path in files if path.suffix in (".py", ".smk", ".md", ".yaml", ".sh") and path.name != "CHANGELOG.md"
    ]
    long = {str(path): count for path in code if (count := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}
