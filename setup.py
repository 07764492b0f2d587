"""What pyproject.toml cannot say: a wheel holds the workflow beside the package, and the commit that it was built from.

In the source tree the workflow lies at the root, once; the build lays it into `chiomics/bundle`. A checkout that is
installed with --editable needs neither: it is its own workflow, and git knows its commit.
"""

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
BUNDLE = ("Snakefile", "workflow", "scripts", "config", "envs", "profiles")
COMMIT = "chiomics/commit.txt"


def write_commit(path: Path) -> None:
    """Write the commit of the checkout; without one the file stays as it is, that of the archive it came in."""
    if not (ROOT / ".git").exists():
        return
    call = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=.dirty"]
    try:
        said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # no git: the version stands alone
        return
    path.unlink(missing_ok=True)  # it may be a link to the tree's own
    path.write_text(said, encoding="utf-8")


class BuildPy(build_py):
    """Lays the workflow beside the modules."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            return
        bundle = Path(self.build_lib, "chiomics", "bundle")
        shutil.rmtree(bundle, ignore_errors=True)  # what an earlier build held may be gone
        bundle.mkdir(parents=True)
        for name in BUNDLE:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, bundle / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy2(ROOT / name, bundle / name)
        write_commit(Path(self.build_lib, COMMIT))


class Sdist(sdist):
    """Keeps the commit, which an archive has no git to ask for."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Make the tree."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir, "src", COMMIT))


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
