"""Small cohorts of prepared images with a known answer, and simulated heads as the workflow prepares them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.core.space.volume import Volume
from chiomics.flair.images.head import Head
from chiomics.flair.images.prepare import Prepared, describe_preparation, prepare_session
from chiomics.phantom.head import tissue
from chiomics.phantom.head.flair_heads import FlairHead, list_heads, read_flair_recipes, simulate_flair_heads

LEVELS = [59.0, 39.0, 19.0, -1.0, -21.0]
WANG = {
    "groups": ["MS", "NMOSD"], "positive": "NMOSD", "lesions_required": True, "input": "lesions",
    "inputs": ["flair", "flair_lesions", "lesions"], "arms": ["3d-18", "2v-18", "2v-18-imagenet"], "pretrained": {},
    "edge": 24, "widths": [8, 8, 8, 8], "widths_3d": [4, 4, 4, 4], "views": [0, 1], "compression": "stem",
    "dropout": 0.15, "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "decays": [0.9, 0.1], "batch": 8,
    "epochs": 3, "shift": 0.05, "flip": True, "folds": 5, "repeats": 2, "supplement_repeats": 1, "permutations": 1,
    "baseline_permutations": 2, "bootstraps": 50, "seed": 1, "device": "cpu",
}  # fmt: skip
SEOK = {
    "groups": ["MS", "NMOSD"], "positive": "MS", "lesions_required": False, "input": "lesions",
    "inputs": ["lesions"], "pixels": 32, "widths": [8, 16, 32], "learning_rate": 5e-4, "batch": 10, "epochs": 3,
    "flip": True, "noise": 0.1, "folds": 5, "tests": 3, "test_per_class": 15, "supplement_tests": 1,
    "permutations": 1, "permutation_tests": 1, "baseline_permutations": 2, "bootstraps": 50, "seed": 1,
    "device": "cpu",
}  # fmt: skip


def small_cohort(n: int = 20, *, follow_up: int = 0, edge: int = 24, pixels: int = 32, seed: int = 0) -> Prepared:
    """Make n patients of each group: MS has a large lesion, NMOSD a small one; some patients have a second session."""
    rng = np.random.default_rng(seed)
    rows, volumes, slices, cells = [], [], [], []
    for group, size in (("MS", 3), ("NMOSD", 1)):
        for number in range(n):
            for session in range(1 + (number < follow_up)):
                volume, picture = np.zeros((edge,) * 3, np.float32), np.zeros((5, pixels, pixels), np.float32)
                x, y, z = rng.integers(6, edge - 8, 3)
                volume[x : x + size, y : y + size, z : z + size] = 1
                channel, row, column = rng.integers(0, 5), *rng.integers(8, pixels - 12, 2)
                picture[channel, row : row + 2 * size, column : column + 2 * size] = 1
                volumes.append(volume)
                slices.append(picture)
                cells.append(np.eye(1, 8, int(rng.integers(8)))[0] * size**3)
                rows.append(
                    {
                        "participant": f"sub-{group}{number:02d}",
                        "session": f"ses-{session + 1}" if follow_up else "",
                        "group": group,
                        "age": float(rng.normal(40, 10)),
                        "sex": "FM"[int(rng.integers(2))],
                        "edss": float(rng.integers(0, 8)) / 2,
                        "lesion_count": 1.0,
                        "lesion_volume_mm3": size**3 * 8.0 + rng.normal(0, 1),
                        "lesion_share_percent": 0.1,
                        "periventricular_share": 0.5,
                        "ventricle_distance_mm": 5.0,
                        "brain_volume_mm3": 1.5e6,
                        "simulated": True,
                        "preparation": describe_preparation(LEVELS),
                        "lesion_source": "true",
                    }
                )
    lesions, pictures = np.stack(volumes), np.stack(slices)
    images = {
        "wang_flair": rng.normal(0, 0.5, lesions.shape) + 4 * lesions,
        "wang_lesions": lesions,
        "seok_flair": rng.normal(0, 0.5, pictures.shape) + 4 * pictures,
        "seok_lesions": pictures,
    }
    images = {name: array.astype(np.float16) for name, array in images.items()}
    return Prepared(pd.DataFrame(rows), images, np.stack(cells).astype(np.float32))


def head_of(found: FlairHead) -> Head:
    """Turn a simulated head into what images are prepared from."""
    labels = found.labels.voxels
    masks = (found.brain.voxels, labels == tissue.WHITE, labels == tissue.VENTRICLES)
    return Head.on_one_grid(
        found.flair, masks, found.lesions.voxels, found.space.to_template, found.space.from_template
    )


def simulated_cohorts(
    groups: dict[str, int], *, seed: int | None = None, edge: int = 40, pixels: int = 64
) -> dict[str, Prepared]:
    """Simulate and prepare heads under both recipes."""
    recipes = read_flair_recipes(seed=seed, groups=groups)
    parts: dict[str, list[Prepared]] = {name: [] for name in recipes}
    for session in list_heads(recipes):
        about = {"participant": session.participant_id, "session": "", **session.participant, "simulated": True}
        about.pop("participant_id")
        for name, head in simulate_flair_heads(recipes, session).items():
            parts[name].append(prepare_session(head_of(head), about, edge=edge, pixels=pixels, levels=LEVELS)[0])
    return {
        name: Prepared(
            pd.concat([one.table for one in own], ignore_index=True),
            {kind: np.concatenate([one.images[kind] for one in own]) for kind in own[0].images},
            np.concatenate([one.cells for one in own]),
        )
        for name, own in parts.items()
    }


def box_head(to_template: np.ndarray, *, shape: tuple[int, int, int] = (60, 70, 50), spacing: float = 3.0) -> Head:
    """Make a head whose FLAIR is a linear function of the template's coordinates; `to_template` is a 4 × 4 matrix."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [-spacing * (n - 1) / 2 for n in shape]
    index = np.indices(shape).reshape(3, -1)
    world = affine[:3, :3] @ index + affine[:3, 3:]
    template = to_template[:3, :3] @ world + to_template[:3, 3:]
    flair = Volume((template[0] + 2 * template[1] - template[2]).reshape(shape).astype(np.float32), affine)
    everywhere = np.ones(shape, bool)
    back = np.linalg.inv(to_template)

    def forwards(points: np.ndarray) -> np.ndarray:
        return to_template[:3, :3] @ points + to_template[:3, 3:]

    def backwards(points: np.ndarray) -> np.ndarray:
        return back[:3, :3] @ points + back[:3, 3:]

    masks = (everywhere, everywhere, np.zeros(shape, bool))
    return Head.on_one_grid(flair, masks, np.zeros(shape, np.int32), forwards, backwards)
