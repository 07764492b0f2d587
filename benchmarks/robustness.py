"""Cost of the robustness stage against pingouin, and of the whole group stage at the size of the study.

    python -m benchmarks.robustness [CASE ...] [--sessions N]

Cases: `icc`, the three coefficients with intervals of 749 features at seven grey levels, 151 sessions and 4
reconstructions, against `pingouin.intraclass_corr` once per feature (timed on 20 of them and extrapolated);
`bootstrap`, a thousand draws of the same; `study`, the group stage from files: 151 sessions, 21 regions (7, and
both sides of each), 107 features, seven grey levels, four reconstructions, 9.5 million values in simulated tables, with
three subsets and a thousand draws. One thread of compiled code; CPU seconds, and for `study` wall time and peak memory
of a process of its own as well.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.phantom.features import simulate_repeats
from chiomics.radiomics.extraction import expected_features
from chiomics.radiomics.parameters import load_settings
from chiomics.radiomics.session import write_session
from chiomics.robustness.bootstrap import bootstrap_coefficients, draw_sessions, percentile_interval
from chiomics.robustness.icc import coefficient, confidence_interval, decompose, mean_squares
from chiomics.robustness.tables import COEFFICIENTS

SESSIONS, RATERS, FEATURES, DRAWS = 151, 4, 749 * 7, 1000
TIMED = 20
VOIS = ("AF", "CST", "FAT", "IFOF", "OR", "UF", "NAWM")
ECHO_SETS = ("all", "3TE", "2TE", "1TE")
STUDY = """
import resource, sys, time
from pathlib import Path
from chiomics.core.features.table import open_features
from chiomics.robustness.settings import Settings
from chiomics.robustness.fiscone2023.study import analyse_agreement, describe_tracts
from chiomics.robustness.tables import write_table
folder = Path(sys.argv[1])
start = time.perf_counter()
features, settings = open_features(sorted(folder.glob("*.parquet"))), Settings()
tables = analyse_agreement(features, settings)
tables |= describe_tracts(features, tables["optimal_gray_level.tsv"], settings)
for name, table in tables.items():
    write_table(table, folder / "tables" / name)
print(time.perf_counter() - start, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def cpu(function: Callable) -> tuple[float, object]:
    """Return the CPU seconds of a call, and what it returned."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def ratings() -> np.ndarray:
    """Simulate the ratings of the study's features."""
    rng = np.random.default_rng(1)
    return simulate_repeats(rng, subjects=SESSIONS, repeats=RATERS, features=FEATURES, icc=0.9)


def all_coefficients(values: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the three coefficients and their intervals."""
    squares = mean_squares(decompose(values))
    return {kind: np.stack([coefficient(squares, kind), *confidence_interval(squares, kind)]) for kind in COEFFICIENTS}


def bench_icc() -> None:
    """Time the coefficients against pingouin, and compare them."""
    import pingouin

    values = ratings()
    all_coefficients(values[:, :, :5])
    ours, found = cpu(lambda: all_coefficients(values))
    session, rater = np.indices(values.shape[:2])
    tables = [
        pd.DataFrame({"session": session.ravel(), "rater": rater.ravel(), "value": values[:, :, k].ravel()})
        for k in range(TIMED)
    ]

    def reference() -> list[pd.DataFrame]:
        return [pingouin.intraclass_corr(table, targets="session", raters="rater", ratings="value") for table in tables]

    pingouin.intraclass_corr(tables[0], targets="session", raters="rater", ratings="value")
    theirs, expected = cpu(reference)
    theirs *= FEATURES / TIMED
    columns = [frame.set_index("Type").loc["ICC(A,1)", "ICC"] for frame in expected]
    print(f"icc, {FEATURES} features, {SESSIONS} sessions, {RATERS} reconstructions, three coefficients with intervals")
    print(f"  chiomics                          {ours:8.2f} s   (bar 1 s)")
    print(f"  pingouin, a call per feature      {theirs:8.1f} s   {theirs / ours:6.0f} times ({TIMED} timed)")
    print(f"  largest difference of ICC(A,1)    {np.abs(found['icc_a1'][0][:TIMED] - columns).max():8.1e}")


def bench_bootstrap() -> None:
    """Time a thousand draws of all features."""
    parts = decompose(ratings())
    weights = draw_sessions([str(k) for k in range(SESSIONS)], DRAWS, seed=1)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        ends = []
        for first in range(0, FEATURES, 749):  # as the stage does it, region by region
            some = slice(first, first + 749)
            fields = (parts.complete, parts.session_means, parts.rater_means)
            part = type(parts)(*(each[:, some] for each in fields), parts.residuals[..., some], parts.spread[some])
            ends.append(percentile_interval(bootstrap_coefficients(part, weights, "icc_a1")))
        return tuple(np.concatenate(end) for end in zip(*ends, strict=True))

    seconds, (low, high) = cpu(draw)
    print(f"bootstrap, {DRAWS} draws of {FEATURES} features")
    print(f"  chiomics                          {seconds:8.2f} s   95 % intervals are {(high - low).mean():.3f} wide")


def write_study(folder: Path, sessions: int) -> int:
    """Write the tables of a simulated cohort, as the radiomics stage does, and return the number of values."""
    rows = pd.DataFrame(
        expected_features(load_settings("fiscone107")),
        columns=["n_gray_levels", "image_type", "feature_class", "feature"],
    )
    name, _ = pd.factorize(rows["feature_class"] + rows["feature"])
    places = [(voi, side, echo_set) for voi in VOIS for side in ("LR", "L", "R") for echo_set in ECHO_SETS]
    heads = pd.DataFrame(places, columns=["voi", "hemisphere", "echo_set"])
    frame = heads.loc[np.repeat(heads.index, len(rows))].reset_index(drop=True)
    frame = frame.join(pd.concat([rows] * len(heads), ignore_index=True)).assign(
        inversion="ilsqr", preset="fiscone107", bin_width=np.nan, reason=""
    )
    rng = np.random.default_rng(2)
    agreement = rng.uniform(0.6, 1, name.max() + 1)[name]
    agreement = agreement - 0.02 * np.abs(np.log2(rows["n_gray_levels"].to_numpy()) - 6)
    agreement[rows["feature_class"] == "shape"] = 1
    for number in range(sessions):
        subject = rng.normal(size=(len(places) // 4, 1, name.max() + 1))[..., name]
        noise = rng.normal(size=(len(places) // 4, 4, name.max() + 1))[..., name]
        values = np.sqrt(agreement) * subject + np.sqrt(1 - agreement) * noise
        identity = {"participant": f"sub-{number:03d}", "session": "", "run": "", "group": "MS" if number % 5 else "HC"}
        table = frame.assign(value=values.ravel(), **identity)
        order = [*identity, "voi", "hemisphere", "echo_set", "inversion", "preset", "n_gray_levels", "bin_width"]
        table = table[[*order, "image_type", "feature_class", "feature", "value", "reason"]]
        write_session(table, folder / f"sub-{number:03d}_features.parquet")
    return sessions * len(frame)


def bench_study(sessions: int) -> None:
    """Time the group stage from files, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        values = write_study(Path(folder), sessions)
        command = [sys.executable, "-c", STUDY, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        wall, seconds, memory = map(float, done.stdout.split())
        size = sum(path.stat().st_size for path in Path(folder, "tables").iterdir()) / 2**20
    print(f"study, {sessions} sessions, {values / 1e6:.1f} million values")
    print(f"  chiomics                          {seconds:8.1f} s   {wall:.0f} s of wall time (bar 120 s)")
    print(f"  peak memory                       {memory:8.2f} GiB (bar 4 GiB); tables take {size:.0f} MiB")


def in_one_thread() -> None:
    """Start anew with one thread per library, which each reads when it is imported."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    if any(os.environ.get(f"{library}_NUM_THREADS") != "1" for library in libraries):
        os.environ.update({f"{library}_NUM_THREADS": "1" for library in libraries})
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.robustness", *sys.argv[1:]])


def main() -> None:
    """Run the cases asked for."""
    in_one_thread()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["icc", "bootstrap", "study"])
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="sessions of the study")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, one thread, CPU seconds\n")
    cases = {"icc": bench_icc, "bootstrap": bench_bootstrap, "study": lambda: bench_study(arguments.sessions)}
    for case in arguments.cases:
        if case not in cases:
            sys.exit(f"unknown case {case}")
        cases[case]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
