"""The folders of contrib/qsm-ci on a simulated head, run and scored by the public package qsm-ci.

    python -m benchmarks.qsm_ci [--field-strength 3] [--edge 2]

Runs `qsm-ci run FOLDER --runner local --truth ...` for every stage from its true input, and for the chain from phase,
and prints the scores of qsm-ci's own scorer. Simulated head, echoes at 4, 12, 20 and 28 ms, SNR 100, field and signal
made on a finer grid than that of the acquisition. Needs `pip install qsm-ci`, which is no dependency; left out where it
is absent.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from chiomics.core.images import b0_direction, write_image
from chiomics.phantom.recipe import list_sessions, load_recipe
from chiomics.phantom.subject import simulate

FOLDERS = Path(__file__).resolve().parents[1] / "contrib" / "qsm-ci"
ECHO_TIMES = [0.004, 0.012, 0.020, 0.028]
#: What each folder reads beside mask and parameters, and what it writes, by the names of the contract.
STAGES = {
    "chiomics-field": (("phase", "magnitude"), "totalfield"),
    "chiomics-background": (("totalfield",), "localfield"),
    "chiomics-invert": (("localfield",), "chimap"),
    "chiomics": (("phase", "magnitude"), "chimap"),
}


def write_head(folder: Path, *, field_strength: float, edge: float, oversampling: float = 0.0) -> None:
    """Simulate a head and write it as the contract has it, truth included.

    Parameters
    ----------
    folder : Path
        Existing folder.
    field_strength : float
        In T.
    edge : float
        Of the isotropic voxels, in mm.
    oversampling : float
        Of the grid that the field is computed on; by default to 0.9 mm.
    """
    shape = [4 * round(length / edge / 4) for length in (192, 224, 176)]
    recipe = load_recipe({
        "seed": 300,
        "groups": {"HC": 1, "MS": 0, "NMOSD": 0},
        "acquisition": {
            "field_strength": field_strength, "voxel_size": [edge] * 3, "shape": shape, "echo_times": ECHO_TIMES,
            "snr": 100, "repetition_time": 0.05, "oversampling": [oversampling or max(1.0, edge / 0.9)] * 3,
        },
    })  # fmt: skip
    head = simulate(recipe, list_sessions(recipe)[0])
    echoes = np.moveaxis(np.stack(head.echoes), 0, -1)
    images = {"phase": np.angle(echoes), "magnitude": np.abs(echoes), "mask": head.brain}
    truth = {"totalfield": head.total_field, "localfield": head.local_field, "chimap": head.chi}
    for name, voxels in (images | {name: np.where(head.brain, map_, 0) for name, map_ in truth.items()}).items():
        write_image(folder / f"{name}.nii.gz", voxels, head.affine)
    direction = b0_direction(head.affine).tolist()
    parameters = {"TE": ECHO_TIMES, "B0": field_strength, "B0_dir": direction, "voxel_size": [edge] * 3}
    (folder / "params.json").write_text(json.dumps(parameters))


def score_stage(slug: str, folder: Path) -> int:
    """Run a folder on its true inputs by qsm-ci, which prints its scores; returns its exit code."""
    from qsm_ci import cli

    inputs, output = STAGES[slug]
    files = [word for name in (*inputs, "mask") for word in (f"--{name}", str(folder / f"{name}.nii.gz"))]
    truth = folder / f"{output}.nii.gz"
    # run.sh calls `chiomics`, which lies beside the interpreter that runs this.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return cli.main([
        "run", str(FOLDERS / slug), *files, "--params", str(folder / "params.json"), "--runner", "local",
        "--truth", str(truth), "-o", str(folder / f"{slug}.nii.gz"),
    ])  # fmt: skip


def main() -> None:
    """Print the scores of every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--field-strength", type=float, default=3.0)
    parser.add_argument("--edge", type=float, default=2.0)
    arguments = parser.parse_args()
    if importlib.util.find_spec("qsm_ci") is None:
        print("left out: the package qsm-ci is not installed (pip install qsm-ci)")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_head(Path(folder), field_strength=arguments.field_strength, edge=arguments.edge)
        failed = [slug for slug in STAGES if score_stage(slug, Path(folder))]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
