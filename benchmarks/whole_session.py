"""One session at clinical size from echoes to four maps: time of each step and peak memory.

    python -m benchmarks.whole_session [--backend torch] [--workers 2]

A simulated head of 384 x 384 x 96 voxels of 0.5 x 0.5 x 1.5 mm with five echoes, default preset, the four echo sets of
Fiscone et al. 2023, without reading and writing of images. The simulation is kept in build/bench. The simulated head
reaches over the edge of this field of view, so time and memory are measured and accuracy is not. On a GPU (`torch`
with CUDA, or `cupy`) the mask, the unwrapping and the fit of the echoes stay on the CPU; a first small volume takes the
start of the GPU's libraries out of the times. Recorded on this kind of machine with QSM.rs 0.20, 5.3 million brain
voxels: one map by ROMEO, V-SHARP and iLSQR 220 CPU seconds and 3.6 GiB, four about 12 minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chiomics.core.images import b0_direction
from chiomics.phantom.recipe import list_sessions, load_recipe
from chiomics.phantom.subject import simulate
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.inversions.invert import invert
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.phase.field_noise import field_noise
from chiomics.qsm.r2star import fit_r2star

SIMULATION = Path(__file__).resolve().parents[1] / "build" / "bench" / "whole_session.npz"
ECHO_TIMES = [0.00942, 0.01884, 0.02826, 0.03768, 0.0471]
ECHO_SETS = {"all": [1, 2, 3, 4, 5], "3TE": [1, 3, 5], "2TE": [1, 5], "1TE": [5]}


def simulated_session() -> dict[str, np.ndarray]:
    """Return the session, simulated on the first call (minutes)."""
    if not SIMULATION.exists():
        size = [0.5, 0.5, 1.5]
        recipe = load_recipe({
            "seed": 7,
            "groups": {"HC": 1, "MS": 0, "NMOSD": 0},
            "acquisition": {
                "voxel_size": size, "shape": [384, 384, 96], "obliquity": [8, 0, 0], "echo_times": ECHO_TIMES,
                "snr": 30, "repetition_time": 0.053, "oversampling": [1.0, 1.0, 1.5],
            },
        })  # fmt: skip
        subject = simulate(recipe, list_sessions(recipe)[0], workers=2)
        SIMULATION.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            SIMULATION,
            magnitude=np.abs(np.stack(subject.echoes)).astype(np.float32),
            phase=np.angle(np.stack(subject.echoes)).astype(np.float32),
            affine=subject.affine, voxel_size=size,
        )  # fmt: skip
    with np.load(SIMULATION, allow_pickle=False) as arrays:
        return dict(arrays)


def peak_memory() -> float:
    """Return the largest memory that this process has had, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Clock:
    """Prints wall and CPU seconds of each step and the peak of memory up to its end, and keeps the sums."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __call__(self, step: str, function: Callable, *arguments: object, **keywords: object) -> object:
        """Call the function, print the times, return the result."""
        wall, cpu = time.perf_counter(), sum(os.times()[:2])
        result = function(*arguments, **keywords)
        self.print(step, time.perf_counter() - wall, sum(os.times()[:2]) - cpu)
        return result

    def print(self, step: str, wall: float, cpu: float) -> None:
        """Print one line and add to the sums."""
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu
        print(f"{step:28s} {wall:8.1f} {cpu:8.1f} {peak_memory():8.2f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--inversion", default="tv")
    arguments = parser.parse_args()
    session = simulated_session()
    magnitude, phase, size = session.pop("magnitude"), session.pop("phase"), session["voxel_size"].tolist()
    geometry = {"voxel_size": size, "b0_direction": b0_direction(session["affine"])}
    resources = {"workers": arguments.workers, "backend": arguments.backend}
    small = np.zeros((32, 32, 32), np.float32)
    small[16, 16, 16] = 1
    invert(arguments.inversion, small, small < 2, parameters={}, magnitude=small + 1, **geometry, **resources)

    before, clock = peak_memory(), Clock()
    settings = {"echo_times": ECHO_TIMES, "voxel_size": size, "echo_sets": ECHO_SETS}
    print("step                          wall s    CPU s  peak GiB")
    mask = clock("brain mask", brain_mask, magnitude, voxel_size=size)
    clock("R2*", fit_r2star, magnitude, mask, echo_times=ECHO_TIMES)
    total = clock(
        "unwrapping, total fields", estimate_total_fields, magnitude, phase, mask,
        field_strength=3.0, b0_direction=(0, 0, 1), workers=arguments.workers, **settings,
    )  # fmt: skip
    del phase  # as in the workflow, a step holds what it reads alone
    local = clock(
        "background", remove_background_fields, total["fields"], total["mask"], names=total["names"],
        inverse_sd=total["inverse_sd"], quality=total["quality"], b0_direction=geometry["b0_direction"],
        **settings, **resources,
    )  # fmt: skip
    del total
    for name, field, weight in zip(local["names"], local["local_fields"], local["weights"], strict=True):
        clock(
            f"{arguments.inversion}, {name}", invert, arguments.inversion, field, local["mask"], parameters={},
            weight=weight, noise=field_noise(field, local["mask"]), magnitude=magnitude[-1],
            **geometry, **resources,
        )  # fmt: skip
    print(f"all steps                    {clock.wall:8.1f} {clock.cpu:8.1f}")
    print(f"{mask.sum()} brain voxels; peak {peak_memory():.2f} GiB, of which {before:.2f} before the first step")


if __name__ == "__main__":
    main()
