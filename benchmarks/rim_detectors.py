"""Cost of training and applying the detectors of rim lesions.

    python -m benchmarks.rim_detectors [--device cpu|cuda] [--steps N]

On random lesions of the size of a patch: CPU seconds of a training step (batch of 64, augmentation included) and of a
prediction, per network and size. From the step follows the published protocol, 52 steps x 40 epochs x 5 folds x 3 seeds
on 3,330 training lesions of each fold; that number is extrapolated, not run. One thread; on a graphics card, wall time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from chiomics.core.learning.device import make_generator
from chiomics.core.learning.resnet import count_parameters
from chiomics.rims.detectors.lesions import Lesions
from chiomics.rims.detectors.network import LesionBatches, _loss, build_network, memory_order
from chiomics.rims.detectors.scaling import Scaler

FEATURES, BATCH, PATCH = 527, 64, (32, 32, 16)
#: Steps of the published protocol, and lesions of a subject there.
STEPS, LESIONS_PER_SUBJECT = 52 * 40 * 15, 24
CASES = [
    ("qsmrim", "published"),
    ("rimnet", "published"),
    ("aprl_nn", "published"),
    ("qsmrim", "demo"),
    ("aprl_nn", "demo"),
]


def main() -> None:
    """Measure every case and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(options.device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    print(f"PyTorch {torch.__version__}, {device}; {options.steps} steps of {BATCH} lesions\n")
    print(
        "| network | size | parameters | s per step | published protocol, h (extrapolated) | s per subject to predict |"
    )
    print("|---|---|---|---|---|---|")
    for arm, size in CASES:
        step, predict, parameters = measure(arm, size, device, options.steps, clock)
        hours = f"{step * STEPS / 3600:.2f}" if size == "published" else ""
        print(f"| {arm} | {size} | {parameters:,} | {step:.3f} | {hours} | {predict:.3f} |", flush=True)


def measure(
    arm: str, size: str, device: torch.device, steps: int, clock: Callable[[], float]
) -> tuple[float, float, int]:
    """Time a network.

    Returns
    -------
    step, predict : float
        Seconds of a step, and of the prediction of a subject's lesions.
    parameters : int
        Of the network.
    """
    settings = {
        "size": size, "fusion": "concat", "deepsmote": "paper", "aprl_nn_deepsmote": True, "batch": BATCH,
        "sampler": "random", "augmentation": {}, "voxel_size": (0.75, 0.75, 3.0), "masked": True,
    }  # fmt: skip
    lesions = random_lesions(BATCH)
    data = LesionBatches(lesions, Scaler.fit(lesions.features), settings, device, use_images=arm != "aprl_nn")
    model = build_network(arm, settings, features=FEATURES, patch=PATCH)
    model = model.to(device, memory_format=memory_order(device)).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def train(number: int) -> None:
        for batch in data.epoch(make_generator(0, "data", number)):
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                loss, _ = _loss(model, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    train(0)
    started = clock()
    for number in range(1, steps + 1):
        train(number)
    step = (clock() - started) / steps
    few = lesions.take(np.arange(LESIONS_PER_SUBJECT))
    model.eval()
    seconds = []
    for _ in range(3):
        started = clock()
        with torch.no_grad():
            for batch in LesionBatches(few, Scaler.fit(few.features), settings, device).in_order():
                model(*batch)[0].cpu()
        seconds.append(clock() - started)
    return step, min(seconds), count_parameters(model)


def random_lesions(count: int) -> Lesions:
    """Return noise in the shape of lesions, a sixteenth of them with a rim."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"participant_id": "sub-01", "consensus": (np.arange(count) % 16 == 0).astype(float)})
    masks = np.zeros((count, *PATCH), np.uint8)
    masks[:, 8:24, 8:24, 5:10] = 1
    patches = rng.normal(size=(count, 2, *PATCH)).astype(np.float16)
    return Lesions(table, pd.DataFrame(rng.normal(size=(count, FEATURES))).rename(columns=str), patches, masks)


if __name__ == "__main__":
    main()
