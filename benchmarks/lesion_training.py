"""Fit the lesion model to simulated heads: ``python -m benchmarks.lesion_training HEADS_DIR``.

Heads are made once and kept in HEADS_DIR. Each is used at 1 and at 1.5 mm. Every head counts the same per mm³ of brain;
lesion voxels count twice, which moves the threshold of 0.5 towards sensitivity. Heads 0 to 15 train; 16 and on are for
looking at (``benchmarks/lesion_scores.py``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.linear_model import LogisticRegression

from benchmarks.lesion_heads import LesionHead, lesion_head
from chiomics.anatomy.tissue import lesions
from chiomics.anatomy.tissue.lesion_features import NAMES, lesion_features
from chiomics.core.files import atomic_write

TRAINING = range(16)
VOXELS = (1.0, 1.5)
#: Weight of lesion voxels, and inverse strength of the penalty on standardised coefficients.
LESION_WEIGHT, INVERSE_PENALTY = 2.0, 1.0
#: Most voxels per head: in lesions, within 2 voxels of one, bright elsewhere, other; and what counts as bright.
SAMPLES = (4000, 4000, 8000, 3000)
BRIGHT = 0.12


def kept_head(seed: int, folder: Path) -> LesionHead:
    """Read a head, or make and keep it."""
    file = folder / f"head-{seed:02d}.npz"
    if not file.is_file():
        head = lesion_head(seed)
        with atomic_write(file) as temporary:
            # half precision: a thousandth of white matter, well below the noise
            small = {name: getattr(head, name).astype(np.float16) for name in ("flair", "t1w", "priors")}
            np.savez_compressed(
                temporary, **small, group=head.group, brain=head.brain, lesions=head.lesions.astype(np.int16),
                voxel_size=head.voxel_size,
            )  # fmt: skip
    with np.load(file, allow_pickle=False) as kept:
        images = {name: kept[name].astype(np.float32) for name in ("flair", "t1w", "priors")}
        return LesionHead(
            str(kept["group"]), **images, brain=kept["brain"], lesions=kept["lesions"], voxel_size=kept["voxel_size"]
        )


def sample(head: LesionHead, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw voxels of a head: features, whether lesion, and the mm³ that each stands for."""
    (box,) = ndimage.find_objects(head.brain.astype(np.uint8))
    brain, truth = head.brain[box], head.lesions[box] > 0
    features, _ = lesion_features(
        head.flair[box], head.t1w[box], brain, head.priors[(slice(None), *box)], head.voxel_size
    )
    lesion, near = truth[brain], ndimage.binary_dilation(truth, iterations=2)[brain]
    bright = features[:, NAMES.index("brightness_mean")] > BRIGHT
    chosen, weights = [], []
    for stratum, most in zip((lesion, near & ~lesion, ~near & bright, ~near & ~bright), SAMPLES, strict=True):
        voxels = np.flatnonzero(stratum)
        drawn = rng.choice(voxels, min(most, len(voxels)), replace=False)
        chosen.append(drawn)
        weights.append(np.full(len(drawn), len(voxels) / max(len(drawn), 1)))
    chosen = np.concatenate(chosen)
    return features[chosen], lesion[chosen], np.concatenate(weights) * np.prod(head.voxel_size)


def fit(samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Fit the regression; coefficients of the features as they are, and the intercept."""
    features, lesion, weight = (np.concatenate(part) for part in zip(*samples, strict=True))
    weight = weight * np.where(lesion, LESION_WEIGHT, 1)
    weight /= weight.mean()
    mean = np.average(features, axis=0, weights=weight)
    sd = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight)) + 1e-6
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit((features - mean) / sd, lesion, weight)
    coefficients = model.coef_[0] / sd
    intercept = float(model.intercept_[0] - coefficients @ mean)
    return {"intercept": intercept, **dict(zip(NAMES, coefficients.tolist(), strict=True))}


def main() -> None:
    """Make the heads, fit and write the model into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="folder in which the simulated heads are kept")
    folder = parser.parse_args().heads
    folder.mkdir(parents=True, exist_ok=True)
    rng, samples = np.random.default_rng(1), []
    for seed in TRAINING:
        head = kept_head(seed, folder)
        for voxel in VOXELS:
            samples.append(sample(head if voxel == head.voxel_size[0] else head.coarser(voxel), rng))
        print(f"head {seed}: {head.group}, {np.count_nonzero(head.lesions) / 1000:.2f} ml of lesions", flush=True)
    model = fit(samples)
    with atomic_write(Path(lesions.__file__).parent / "lesion_model.tsv") as temporary:
        rows = [f"{name}\t{value:.5g}" for name, value in model.items()]
        temporary.write_text("\n".join(["feature\tcoefficient", *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
