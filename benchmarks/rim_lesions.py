"""Cost of a study's lesions, and the known answers of the simulated ones.

    python -m benchmarks.rim_lesions [cost] [answers] [--subjects N] [--noise PPM ...]

`cost`: measures, patches and the 527 features of the lesions of one session at the matrix of Zhang et al. 2022, and
what 172 such sessions with 4,163 lesions take; CPU seconds of one thread, without reading files.
`answers`: the training lesions of the default recipe at several levels of noise. How well the mean χ alone and a random
forest on the nine measures tell rims, in five folds of subjects, and which kinds the forest takes for rims.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from chiomics.core.images import voxel_size
from chiomics.phantom import load_recipe
from chiomics.phantom.lesions.lesions import draw_lesions
from chiomics.phantom.lesions.patches import list_patch_subjects, simulate_boxes
from chiomics.qsm.inversions.tv import tv
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.lesions.contrasts import MEASURES, measure_contrasts
from chiomics.rims.lesions.session import SessionImages, tabulate_session

SHAPE, VOXEL = (272, 320, 48), np.array([0.75, 0.75, 3.0])
SESSIONS, LESIONS = 172, 4163


def simulated_measures(recipe: dict, participants: list[str], *, noise: float) -> pd.DataFrame:
    """Scan and measure the training lesions of these subjects, with their truth."""
    rows = []
    for participant in participants:
        for box in simulate_boxes(recipe, participant, field_noise=noise):
            measures = measure_contrasts(
                1000 * box.refer(tv(box.field, **box.inversion_input())), box.lesion, voxel_size=voxel_size(box.affine)
            )
            rows.append({"participant_id": participant, **measures, **box.truth})
    return pd.DataFrame(rows)


def forest_scores(table: pd.DataFrame) -> np.ndarray:
    """Score every lesion by a random forest on the nine measures that saw other subjects only."""
    rims, measures = table["rim"].to_numpy(), table[list(MEASURES)].to_numpy()
    scores = np.zeros(len(table))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(measures, rims, table["participant_id"]):
        forest = RandomForestClassifier(300, min_samples_leaf=2, class_weight="balanced_subsample", random_state=0)
        scores[test] = forest.fit(measures[train], rims[train]).predict_proba(measures[test])[:, 1]
    return scores


def false_positives(table: pd.DataFrame, scores: np.ndarray, column: str) -> pd.Series:
    """Return the fraction of lesions without a rim that are called one, as many calls as there are rims."""
    called = scores >= np.sort(scores)[-int(table["rim"].sum())]
    plain = table["rim"] == 0
    return pd.Series(called[plain]).groupby(table.loc[plain, column].to_numpy()).mean()


def answers(subjects: int | None, levels: list[float]) -> None:
    """Print the known answers."""
    recipe = load_recipe()
    participants = list(list_patch_subjects(recipe))[:subjects]
    for noise in levels:
        table = simulated_measures(recipe, participants, noise=noise)
        scores, rims = forest_scores(table), table["rim"]
        print(f"field noise {noise} ppm: {len(table)} lesions, {rims.sum()} rims of {len(participants)} subjects")
        for name, values in (("mean χ", table["chi_mean"]), ("forest on nine measures", scores)):
            print(f"  {name}: AUC {roc_auc_score(rims, values):.3f}, AP {average_precision_score(rims, values):.3f}")
        for column in ("kind", "vein"):
            rates = false_positives(table, scores, column)
            print(f"  called a rim without one, by {column}: {', '.join(f'{k} {v:.1%}' for k, v in rates.items())}")


def cost() -> None:
    """Print the CPU time of a study's lesions."""
    rng = np.random.default_rng(0)
    labels = np.zeros(SHAPE, np.int32)
    grid = np.indices((45, 45, 13), dtype=np.float32) - np.array([22, 22, 6])[:, None, None, None]
    distance = np.linalg.norm(grid * VOXEL[:, None, None, None], axis=0)
    diameters: list[float] = []
    while len(diameters) < round(LESIONS / SESSIONS):
        diameters += [lesion.diameter for lesion in draw_lesions(rng, load_recipe()["lesions"]["MS"])]
    for number, diameter in enumerate(diameters[: round(LESIONS / SESSIONS)], start=1):
        corner = [rng.integers(0, n - size) for n, size in zip(SHAPE, distance.shape, strict=True)]
        box = tuple(slice(first, first + size) for first, size in zip(corner, distance.shape, strict=True))
        labels[box][distance < diameter / 2] = number
    chi = ndimage.gaussian_filter(rng.normal(0, 0.08, SHAPE).astype(np.float32), 1.0)
    affine = np.diag([*VOXEL, 1.0])
    everywhere = np.ones(SHAPE, bool)
    white = rng.random(SHAPE) < 0.1  # as much as a head has
    flair = rng.normal(1, 0.1, SHAPE).astype(np.float32)
    tissue = np.full(SHAPE, 3, np.int32)
    tissue[:20], tissue[130:140, 150:160] = 2, 4
    images = SessionImages(chi, flair, labels, tissue, white, everywhere, affine)
    label_features(chi, (labels == 1).astype(np.int32), spacing=VOXEL)  # compiled code is loaded once
    start = time.process_time()
    table, patches = tabulate_session(images)
    tabulated = time.process_time() - start
    start = time.process_time()
    features, _ = label_features(chi, labels, spacing=VOXEL)
    extracted = time.process_time() - start
    number = len(table)
    print(f"one session of {' x '.join(map(str, SHAPE))} voxels with {number} lesions, {features.shape[1]} features")
    print(f"  table, places and {len(patches)} patches {tabulated:.2f} s, features {extracted:.2f} s")
    whole = tabulated * SESSIONS + extracted * LESIONS / number
    print(f"  {SESSIONS} sessions with {LESIONS} lesions, extrapolated: {whole:.0f} CPU s (aim: 180)")


def main() -> None:
    """Run the cases that are named, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="cost, answers")
    parser.add_argument("--subjects", type=int, help="only the first of the recipe's")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0008, 0.0016, 0.0048], help="in ppm")
    arguments = parser.parse_args()
    if not arguments.cases or "cost" in arguments.cases:
        cost()
    if not arguments.cases or "answers" in arguments.cases:
        answers(arguments.subjects, arguments.noise)


if __name__ == "__main__":
    main()
