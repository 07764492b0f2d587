"""Run every benchmark, one after another: `make bench`.

The QSM rows beside the peers' need the phantom that the peers were measured on. Its script lies beside the project
(../shared/bench/peer_phantom.py), not in it, and uses the GPL program qsm-forward, so it runs in an environment of its
own below build/. Without the script those rows are left out, and that is said; what serves instead is told in
benchmarks/inversion.py.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "bench"
PEER_SCRIPT = ROOT.parent / "shared" / "bench" / "peer_phantom.py"
PEER_REQUIREMENTS = ("qsm-forward==0.32", "nilearn", "nibabel", "scipy")
#: Benchmark modules in the order they run, and how each is given the peers' phantom where it takes it.
BENCHMARKS = {
    "inversion": ["--phantom", "{phantom}"],
    "phase_chain": ["{phantom}"],
    "whole_session": [],
    "chain_cases": [],
    "qsm_ci": [],
    "radiomics": [],
    "rim_lesions": [],
    "rim_detectors": [],
    "anatomy": [],
    "robustness": [],
    "tables": [],
    "flair": [],
    "index_speed": [],
    "plan_speed": [],
}


def peer_phantom() -> Path | None:
    """Return the peers' phantom, made on the first call; None where its script is not at hand."""
    made = FOLDER / "ph.npz"
    if not made.exists():
        if not PEER_SCRIPT.exists():
            return None
        python = FOLDER / "venv" / "bin" / "python"
        if not python.exists():
            venv.create(FOLDER / "venv", with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_REQUIREMENTS], check=True)
        subprocess.run([python, PEER_SCRIPT, FOLDER], check=True)
        for raw in FOLDER.glob("*.raw"):
            if raw.name != "locn.raw":  # the noisy local field is the one raw volume that a benchmark reads
                raw.unlink()
    return made


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, all of them where none is given."""
    phantom = peer_phantom()
    for name, options in BENCHMARKS.items():
        if names and name not in names:
            continue
        print(f"\n## {name}\n", flush=True)
        if options and phantom is None:
            print(f"left out: {PEER_SCRIPT} is not on this machine")
            continue
        given = [option.format(phantom=phantom) for option in options]
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *given], cwd=ROOT, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
