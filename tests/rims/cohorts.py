"""Small cohorts of lesions for the tests of detectors: rims are shells, others are flat or evenly bright."""

import numpy as np
import pandas as pd

from chiomics.rims.detectors.lesions import CHI_UNIT_PPB, Lesions
from chiomics.rims.lesions.contrasts import measure_contrasts

VOXEL = (0.75, 0.75, 3.0)


def make_lesions(subjects=20, per_subject=12, rims=4, seed=0, noise=0.25, shape=(32, 32, 16), features=6):
    """Every second subject has `rims` rim lesions; half of the others are as bright as a rim lesion on average."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij"))
    rows, patches, masks, values = [], [], [], []
    for subject in range(subjects):
        for lesion in range(per_subject):
            rim = subject % 2 == 0 and lesion < rims
            radius = rng.uniform(4, 7)
            far = np.sqrt(grid[0] ** 2 + grid[1] ** 2 + (grid[2] * 2.0) ** 2) / radius
            mask = far <= 1
            bright = rng.uniform(0.2, 0.9) if rim or rng.random() < 0.5 else rng.uniform(-0.2, 0.2)
            chi = np.where(far > 0.65, 1.6, 0.2) * bright if rim else np.full(shape, bright)
            chi = np.where(mask, chi, 0) + rng.normal(0, noise, shape)
            patch = np.stack([chi, mask + rng.normal(0, 0.2, shape)])
            inside = chi[mask]
            rows.append(
                {
                    "participant_id": f"sub-{subject:02d}", "session_id": "", "run": "", "lesion": lesion + 1,
                    "consensus": float(rim), **measure_contrasts(CHI_UNIT_PPB * chi, mask, voxel_size=VOXEL),
                    "place": "deep", "cropped": 0, "rater_A": float(rim), "rater_B": float(rim and lesion > 0),
                    "kind": "rim" if rim else ("bright" if bright > 0.2 else "iso"), "simulated": True,
                }
            )  # fmt: skip
            values.append(
                [inside.mean(), inside.std(), inside.max(), np.percentile(inside, 10), *rng.normal(size=features - 4)]
            )
            patches.append(patch.astype(np.float16))
            masks.append(mask.astype(np.uint8))
    names = [f"original_firstorder_{number}" for number in range(4)] + [f"wavelet_{n}" for n in range(features - 4)]
    return Lesions(pd.DataFrame(rows), pd.DataFrame(values, columns=names), np.stack(patches), np.stack(masks))


def make_settings(**changes):
    from chiomics.rims.detectors.arms import complete_settings

    given = {
        "size": "demo", "arms": ["reference", "aprl_rf", "aprl_nn", "qsmrim"], "seeds": 1, "folds": 4, "epochs": 3,
        "batch": 64, "learning_rate": 3e-3, "optimiser": "adamw", "milestones": [0.5, 0.7, 0.9], "gamma": 0.1,
        "sampler": "stratified", "fusion": "concat", "deepsmote": "paper", "aprl_nn_deepsmote": True, "masked": True,
        "augmentation": {}, "voxel_size": list(VOXEL), "device": "cpu", "trees": 50, "seed": 2022, "inner": True,
        "inner_seeds": 1, "final": ["qsmrim"], "bootstraps": 50, "permutations": 5,
    }  # fmt: skip
    return complete_settings(given | changes, simulated=True, torch=True)
