"""Cost of the FLAIR classifiers: heads, images, steps of every network at the published size, and what studies take.

    python -m benchmarks.flair [--device cpu|cuda] [--steps N]

One thread on a CPU. A step is one batch, forwards and backwards. Hours are extrapolated from steps: 70 volumes (Wang et
al. 2020: 6 arms x 75 trainings of 60 epochs) and 230 scans (Seok et al. 2023: 500 trainings of 25 epochs).
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from chiomics.core.space.volume import Volume
from chiomics.flair.images.head import Head
from chiomics.flair.images.prepare import prepare_session
from chiomics.flair.study.networks.architectures import build_network
from chiomics.phantom.head import tissue
from chiomics.phantom.head.flair_heads import list_heads, read_flair_recipes, simulate_flair_heads

SIZES = {"edge": 100, "pixels": 128}
NETWORK = {
    "edge": 100, "widths": (64, 128, 256, 512), "widths_3d": (64, 128, 256, 512), "views": (0, 1),
    "compression": "stem", "dropout": 0.15, "pixels": 128,
}  # fmt: skip
#: Arm, batch, samples of an epoch, epochs, trainings.
STUDIES = {
    "2v-18": (8, 70, 60, 75), "2v-34": (8, 70, 60, 75), "3d-18": (8, 70, 60, 75), "3d-34": (8, 70, 60, 75),
    "seok": (10, 230, 25, 500),
}  # fmt: skip
LEVELS = [59.0, 39.0, 19.0, -1.0, -21.0]


def seconds(action: Callable[[], object], *, device: str) -> float:
    """Measure an action: CPU time, or wall time on a card."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    action()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def measure_heads() -> None:
    """Print what a simulated head and its images cost."""
    recipes = read_flair_recipes(groups={"MS": 3, "NMOSD": 0})
    sessions = list_heads(recipes)
    simulate_flair_heads(recipes, sessions[0])  # loads the template
    made = []
    spent = seconds(lambda: made.append(simulate_flair_heads(recipes, sessions[1])), device="cpu")
    print(f"simulate a head under {len(recipes)} recipes: {spent:.2f} CPU s")
    head = made[0]["flair"]
    labels = head.labels.voxels
    masks = (head.brain.voxels, labels == tissue.WHITE, labels == tissue.VENTRICLES)
    given = Head.on_one_grid(head.flair, masks, head.lesions.voxels, head.space.to_template, head.space.from_template)
    about = {"participant": "a", "session": "", "group": "MS"}
    spent = seconds(lambda: prepare_session(given, about, levels=LEVELS, **SIZES), device="cpu")
    print(f"prepare a session at the published sizes, 2 mm FLAIR: {spent:.2f} CPU s")
    fine = np.repeat(np.repeat(np.repeat(head.flair.voxels, 2, 0), 2, 1), 2, 2)
    affine = head.flair.affine @ np.diag([0.5, 0.5, 0.5, 1])
    volume = Volume(fine, affine)
    masks = tuple(np.repeat(np.repeat(np.repeat(mask, 2, 0), 2, 1), 2, 2) for mask in masks)
    lesions = np.repeat(np.repeat(np.repeat(head.lesions.voxels, 2, 0), 2, 1), 2, 2)
    given = Head.on_one_grid(volume, masks, lesions, head.space.to_template, head.space.from_template)
    spent = seconds(lambda: prepare_session(given, about, levels=LEVELS, **SIZES), device="cpu")
    print(f"prepare a session at the published sizes, 1 mm FLAIR: {spent:.2f} CPU s")


def measure_networks(device: str, steps: int) -> None:
    """Print the cost of a step, and of a study."""
    print("arm     s/step  hours of the study's trainings of this arm")
    for arm, (batch, samples, epochs, trainings) in STUDIES.items():
        size = 2 if arm.startswith("3d") and device == "cpu" else batch
        model = build_network(arm, NETWORK).to(device)
        optimiser = torch.optim.SGD(model.parameters(), 0.01)
        shape = (size, 5, 128, 128) if arm == "seok" else (size, 1, 100, 100, 100)
        x, y = torch.randn(shape, device=device), torch.zeros(size, dtype=torch.int64, device=device)

        def step(model=model, optimiser=optimiser, x=x, y=y) -> None:
            optimiser.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimiser.step()

        step()
        spent = seconds(lambda: [step() for _ in range(steps)], device=device) / steps * batch / size
        hours = spent * np.ceil(samples / batch) * epochs * trainings / 3600
        note = f" (measured with {size} samples, scaled)" if size != batch else ""
        print(f"{arm:7s} {spent:6.3f}  {hours:7.1f}{note}", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--steps", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measure_heads()
    measure_networks(arguments.device, arguments.steps)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
