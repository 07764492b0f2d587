"""Time and memory of the studies on large tables of features: `python -m benchmarks.tables`.

Each row is a process of its own with one thread, as the workflow starts its jobs. Values are noise, so that nothing but
the size matters; two processes per study: one that brings the table to the study's form, one that works on it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MAKE = """
import numpy as np, pandas as pd, sys
people, features, sets, path = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng, n = np.random.default_rng(0), int(sys.argv[1]) * int(sys.argv[2]) * int(sys.argv[3])
code = lambda values, words: pd.Categorical.from_codes(values, words)
who, what = np.repeat(np.arange(people), features * sets), np.tile(np.repeat(np.arange(features), sets), people)
own = rng.normal(size=(people, features, 1)) + 0.3 * rng.normal(size=(people, features, sets))
same = lambda word: code(np.zeros(n, dtype=np.int8), [word])
pd.DataFrame({
    "participant": code(who, [f"{k:04d}" for k in range(people)]), "group": code(who % 2, ["MS", "NMOSD"]),
    "voi": same("DN"), "hemisphere": same("LR"), "inversion": same("tv"), "preset": same("yan874"),
    "echo_set": code(np.tile(np.arange(sets), people * features), ["all", "3TE", "1TE"][:sets]), "n_gray_levels": 64,
    "image_type": same("original"), "feature_class": same("glcm"),
    "feature": code(what, [f"F{k}" for k in range(features)]), "value": own.ravel(),
}).to_parquet(path, index=False)
"""
GATHER = """
from chiomics.core.tables import write_frame
from chiomics.diagnosis.cohort import read_cohort
from chiomics.diagnosis.models import complete_settings
settings = complete_settings({"nuclei": ["DN"], "demographics": [], "confounders": []})
write_frame(read_cohort([path], settings, regions=["DN"]), path + ".cohort.parquet")
"""
EVALUATE = """
from chiomics.core.tables import read_frame
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import complete_settings, list_models
settings = complete_settings({"nuclei": ["DN"], "demographics": [], "confounders": []})
evaluate(read_frame(path + ".cohort.parquet"), list_models(settings)["DN"], settings, scheme="nested")
"""
AGREE = """
from chiomics.core.features.table import open_features
from chiomics.robustness.fiscone2023.study import analyse_agreement
from chiomics.robustness.settings import Settings
settings = Settings.from_config({"presets": ["yan874"], "vois": ["DN"], "gray_levels": [64], "groups": {}})
analyse_agreement(open_features(path), settings)
"""
MEASURED = """
import resource, sys, time
path = sys.argv[1]
{work}
print(f"{{time.process_time():.0f}} {{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}}")
"""
#: What is measured: people, features, echo sets, and the steps of the study with what the workflow's rule allows in GB.
ROWS = (
    (2000, 874, 1, {"yan2021, cohort": (GATHER, 4), "yan2021, one nested repeat": (EVALUATE, 2)}),
    (83, 100_000, 1, {"yan2021, cohort": (GATHER, 4), "yan2021, one nested repeat": (EVALUATE, 2)}),
    (20, 100_000, 3, {"fiscone2023": (AGREE, 4)}),
)


def main() -> None:
    """Print a table."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    print("| people x features x sets | step | CPU s | GiB | the rule asks for |\n|---|---|---|---|---|")
    for people, features, sets, steps in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "features.parquet"))
            given = [sys.executable, "-c", MAKE, str(people), str(features), str(sets), path]
            subprocess.run(given, check=True, env=environment)
            for name, (work, allowed) in steps.items():
                ran = subprocess.run(
                    [sys.executable, "-c", MEASURED.format(work=work), path],
                    capture_output=True, text=True, env=environment,
                )  # fmt: skip
                last = ran.stdout.split()[-2:] if ran.returncode == 0 else ["failed", ran.stderr.strip()[-200:]]
                print(f"| {people} x {features} x {sets} | {name} | {' | '.join(last)} | {allowed} |", flush=True)


if __name__ == "__main__":
    main()
