"""Score the lesion segmentation on simulated heads: ``python -m benchmarks.lesion_scores HEADS_DIR``.

The default heads trained nothing and were made after the last choice. Heads from 28 on have lesions of MS as large, and
where, the masks of 27 patients have them.

Per head and voxel size: Dice, lesions hit (by one voxel or more), false lesions (touching none), and volumes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.lesion_heads import LesionHead
from benchmarks.lesion_training import VOXELS, kept_head
from chiomics.anatomy.tissue.lesion_settings import LesionSettings
from chiomics.anatomy.tissue.lesions import segment_lesions
from chiomics.core.space.volume import Volume

CORNERS = np.ones((3, 3, 3), bool)
COLUMNS = ("head", "group", "mm", "Dice", "hit", "lesions", "false", "true_ml", "found_ml", "cpu_s")


def score(mask: np.ndarray, lesions: np.ndarray) -> dict[str, float]:
    """Compare a mask with numbered lesions; Dice is NaN where both are empty."""
    found, count = ndimage.label(mask, CORNERS)
    truth = lesions > 0
    both = np.count_nonzero(mask) + np.count_nonzero(truth)
    return {
        "Dice": 2 * np.count_nonzero(mask & truth) / both if both else np.nan,
        "hit": len(np.setdiff1d(lesions[mask], 0)),
        "lesions": len(np.setdiff1d(lesions, 0)),
        "false": count - len(np.setdiff1d(found[truth], 0)),
    }


def segment(head: LesionHead, settings: LesionSettings) -> np.ndarray:
    """Segment a head; the mask."""
    affine = np.diag([*head.voxel_size, 1.0])
    priors = {name: Volume(prior, affine) for name, prior in zip(("WM", "GM", "CSF"), head.priors, strict=True)}
    flair, t1w, brain = (Volume(image, affine) for image in (head.flair, head.t1w, head.brain))
    return segment_lesions(flair, t1w, brain, priors, settings=settings).mask.voxels


def main() -> None:
    """Score the heads and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="folder in which the simulated heads are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20, 28)))
    parser.add_argument("--threshold", type=float, default=LesionSettings().threshold)
    arguments = parser.parse_args()
    arguments.heads.mkdir(parents=True, exist_ok=True)
    print("\t".join(COLUMNS))
    for seed in arguments.seeds:
        fine = kept_head(seed, arguments.heads)
        for voxel in VOXELS:
            head = fine if voxel == fine.voxel_size[0] else fine.coarser(voxel)
            start = time.process_time()
            mask = segment(head, LesionSettings(threshold=arguments.threshold))
            seconds = time.process_time() - start
            ml = voxel**3 / 1000
            row = {"head": seed, "group": head.group, "mm": voxel, **score(mask, head.lesions)}
            row |= {"true_ml": np.count_nonzero(head.lesions) * ml, "found_ml": np.count_nonzero(mask) * ml}
            row["cpu_s"] = seconds
            print("\t".join(f"{row[key]:.3g}" if isinstance(row[key], float) else str(row[key]) for key in COLUMNS))


if __name__ == "__main__":
    main()
