"""Accuracy, time and memory of the dipole inversions on the true local field of a head phantom, next to peers.

The phantom is the ``ph.npz`` of ``../shared/bench/peer_phantom.py`` (``--phantom``); without it, that script is run by
a Python that has qsm-forward (``--qsm-forward-python``). Every inversion runs in a process of its own, on one thread.
The peers' rows were measured earlier, on the same phantom and the same kind of machine; their field had no noise.
Who has no such script takes another phantom in the same form (keys: `benchmarks/phase_chain.py`), for instance the head
of the QSM challenge 2.0 (Marques et al. 2021, data at doi:10.34973/m20r-jt17), simulated by qsm-forward (PyPI); the
peers' rows do not hold for it.

The phantom shares its dipole kernel with the inversions, so its figures rank methods and no more.

    python benchmarks/inversion.py --phantom ph/ph.npz
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PHANTOM_SCRIPT = Path(__file__).resolve().parents[2] / "shared" / "bench" / "peer_phantom.py"
#: NRMSE %, DGM %, XSIM, calcification streak, user s, peak GiB; None where it was not recorded.
PEERS = {
    "QSM.rs 0.20 TKD": (30.7, 23.9, 0.644, None, 0.3, 0.23),
    "QSM.rs 0.20 RTS": (24.5, 9.2, 0.629, None, 5.9, 0.89),
    "QSM.rs 0.20 TV": (19.4, 10.0, 0.708, None, 12, 0.56),
    "QSM.rs 0.20 TV, λ 3e-5": (22.8, 9.7, 0.728, None, 15, 0.56),
    "QSM.rs 0.20 HD-QSM": (21.0, 7.6, 0.586, None, 17, 1.22),
    "QSM.rs 0.20 FANSI nlTV": (17.4, 9.8, 0.596, None, 102, 1.25),
    "QSM.rs 0.20 iLSQR": (53.0, 37.9, 0.508, None, 30, 1.27),
    "QSM.m iLSQR (Octave)": (51.7, 37.2, 0.544, None, 68, 1.39),
}
#: Name, inversion, parameters that are not its defaults.
RUNS = {
    "TKD": ("tkd", {}),
    "L2": ("l2", {}),
    "iLSQR": ("ilsqr", {}),
    "iLSQR fast": ("ilsqr", {"fast": True}),
    "STAR": ("star", {}),
    "TV": ("tv", {}),
    "TV, outside 1": ("tv", {"outside": 1.0}),
    "L1": ("l1", {}),
    "L1, outside 1, λ 0.015": ("l1", {"outside": 1.0, "regularisation": 0.015}),
    "MEDI": ("medi", {}),
    "MEDI+0": ("medi", {}),
}
#: Field noise of the peers' phantom in ppm where the magnitude is at its median.
FIELD_NOISE = 4.9e-4
DEEP_GREY, CALCIFICATION = range(1, 7), 16


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phantom", type=Path, help="ph.npz of peer_phantom.py")
    parser.add_argument("--qsm-forward-python", type=Path, help="Python with qsm-forward, to make the phantom")
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--field", choices=["clean", "noisy"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measure(arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        phantom = unpack(arguments.phantom or make_phantom(arguments.qsm_forward_python, Path(folder)), Path(folder))
        print("method                      field   NRMSE %  DGM %   XSIM  streak  user s    GiB")
        for name, row in PEERS.items():
            print_row(name, "clean", row)
        for name in arguments.only:
            for field in ("clean", "noisy"):
                command = [sys.executable, __file__, "--run", name, "--phantom", phantom, "--field", field]
                command += ["--workers", str(arguments.workers), "--backend", arguments.backend]
                threads = {"OMP_NUM_THREADS": str(arguments.workers), "OPENBLAS_NUM_THREADS": str(arguments.workers)}
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | threads)
                print_row(f"chiomics {name}", field, json.loads(done.stdout.splitlines()[-1]))


def make_phantom(python: Path | None, folder: Path) -> Path:
    """Make the phantom with the given Python, or say what is missing and exit."""
    if python is None:
        sys.exit(f"no --phantom given, and no --qsm-forward-python to run {PHANTOM_SCRIPT} with")
    if not PHANTOM_SCRIPT.is_file():
        sys.exit(f"{PHANTOM_SCRIPT} is not on this machine: give --phantom")
    subprocess.run([python, PHANTOM_SCRIPT, folder], check=True)
    return folder / "ph.npz"


def unpack(phantom: Path, folder: Path) -> Path:
    """Write what the inversions read as float32, so that reading it does not count as their memory; add the noise."""
    from chiomics.qsm.reference import csf_mask

    with np.load(phantom, allow_pickle=False) as arrays:
        mask = arrays["mask"].astype(bool)
        clean = (arrays["loc"] * mask).astype(np.float32)
        magnitude = np.sqrt((arrays["mag"] ** 2).sum(axis=0)).astype(np.float32)
        np.save(folder / "chi.npy", arrays["chi"].astype(np.float32))
        np.save(folder / "regions.npy", arrays["seg"])
        np.save(folder / "csf.npy", csf_mask(arrays["R2"], mask, voxel_size=(1, 1, 1), field_strength=3.0))
    deviation = FIELD_NOISE * np.median(magnitude[mask]) / np.maximum(magnitude, 1e-6 * magnitude.max())
    noise = np.random.default_rng(0).standard_normal(mask.shape) * deviation
    np.save(folder / "mask.npy", mask)
    np.save(folder / "magnitude.npy", magnitude)
    np.save(folder / "clean.npy", clean)
    np.save(folder / "noisy.npy", np.where(mask, clean + noise, 0).astype(np.float32))
    return folder


def measure(arguments: argparse.Namespace) -> tuple[float, ...]:
    """Run one inversion in this process and return its row."""
    from chiomics.qsm import metrics
    from chiomics.qsm.inversions.invert import invert
    from chiomics.qsm.phase.field_noise import field_noise

    folder = arguments.phantom
    inversion, parameters = RUNS[arguments.run]
    mask, field = (
        np.load(folder / "mask.npy", allow_pickle=False),
        np.load(folder / f"{arguments.field}.npy", allow_pickle=False),
    )
    given = {"magnitude": np.load(folder / "magnitude.npy", allow_pickle=False)} if inversion == "medi" else {}
    given |= {"csf_mask": np.load(folder / "csf.npy", allow_pickle=False)} if arguments.run == "MEDI+0" else {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    given |= {"noise": field_noise(field, mask)}
    given |= {"voxel_size": (1, 1, 1), "b0_direction": (0, 0, 1), "workers": arguments.workers}
    chi = invert(inversion, field, mask, parameters=parameters, backend=arguments.backend, **given)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    truth, regions = (
        np.load(folder / "chi.npy", allow_pickle=False),
        np.load(folder / "regions.npy", allow_pickle=False),
    )
    if "csf_mask" in given:
        chi = np.where(mask, chi + truth[given["csf_mask"]].mean(), 0)  # the truth's CSF is not zero
    return (
        metrics.nrmse(chi, truth, mask),
        metrics.detrended_nrmse(chi, truth, mask & np.isin(regions, DEEP_GREY)),
        metrics.xsim(chi, truth, mask),
        metrics.calcification(chi, truth, mask & (regions == CALCIFICATION))["streak"],
        usage.ru_utime - before,
        usage.ru_maxrss / 2**20,
    )


def print_row(name: str, field: str, row: tuple) -> None:
    """Print one line of the table."""
    formats = ("8.1f", "7.1f", "7.3f", "8.4f", "8.1f", "7.2f")
    values = (
        f"{value:{form}}" if value is not None else "-".rjust(int(form[0]))
        for value, form in zip(row, formats, strict=True)
    )
    print(f"{name:26s}  {field:6s}" + "".join(values), flush=True)


if __name__ == "__main__":
    main()
