"""Phase chain and inversions on simulated heads without the inverse crime.

    python benchmarks/chain_cases.py [--cases 0 1 2 ...] [--seed 300]

Field and signal are computed on a finer grid and brought to the acquisition grid through k-space, so partial volume and
dephasing inside the voxel are there and the inversion does not share its model's discretisation. Twelve acquisitions
(voxel size, obliquity, echo times, noise) each get a head of their own. In every case the chain starts from wrapped
phase and the brain mask that it finds itself, and each map is scored on the true brain, uncovered voxels counted as
zero. Parameters were chosen on seeds up to 111.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from chiomics.core.images import b0_direction, voxel_size
from chiomics.phantom.recipe import list_sessions, load_recipe
from chiomics.phantom.subject import SimulatedSubject, simulate
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.inversions.invert import invert
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.masks.template_mask import mend_by_template
from chiomics.qsm.metrics import nrmse, region_slope_error, xsim
from chiomics.qsm.phase.field_noise import field_noise

FIVE = [0.00942, 0.01884, 0.02826, 0.03768, 0.0471]
#: Voxel size (mm), matrix, obliquity (degrees about each axis), echo times (s), SNR of white matter at the first echo.
#: The two finest are slabs, outside of which the phantom keeps the rest of the head.
CASES = [
    ([2.0, 2.0, 2.0], [96, 112, 80], [0, 0, 0], FIVE, 60),
    ([1.5, 1.5, 2.0], [128, 144, 72], [12, 0, 4], FIVE, 50),
    ([1.25, 1.25, 2.0], [152, 176, 72], [-15, 6, 0], FIVE, 40),
    ([2.0, 2.0, 2.0], [96, 112, 80], [20, 5, 5], [0.004, 0.012, 0.020, 0.028], 80),
    ([3.0, 3.0, 3.0], [64, 76, 56], [4, -4, 0], [0.0023, 0.0046], 100),
    ([1.5, 1.5, 1.5], [128, 144, 100], [0, 10, 0], [0.006, 0.012, 0.018, 0.024], 30),
    ([1.0, 1.0, 2.5], [184, 216, 56], [-8, 0, 0], [0.005, 0.010, 0.015, 0.020, 0.025], 60),
    ([2.5, 2.5, 2.5], [80, 92, 64], [10, 10, 10], [0.020], 50),
    ([1.0, 1.0, 3.0], [184, 216, 46], [-20, 0, 0], FIVE, 25),
    ([0.75, 0.75, 1.5], [232, 272, 32], [0, 0, 0], [0.006, 0.012, 0.018, 0.024, 0.030], 40),
    ([0.6, 0.6, 2.0], [288, 330, 24], [8, 0, 0], FIVE, 40),
    ([2.0, 2.0, 3.0], [96, 112, 54], [30, 0, 15], [0.0075, 0.0135, 0.0265], 15),
]
INVERSIONS = {"tv": {}, "star": {}, "ilsqr": {}, "tkd": {}}
NUCLEI = tuple(label + side for label in range(11, 18) for side in (0, 100))


def simulate_case(index: int, seed: int) -> tuple[SimulatedSubject, dict]:
    """Simulate the head of one case."""
    size, shape, obliquity, echo_times, snr = CASES[index]
    recipe = load_recipe({
        "seed": seed + index,
        "groups": {"HC": 1, "MS": 0, "NMOSD": 0},
        "phase": {"offset_amplitude": 1.0 + index / 12, "shim_order": index % 3},
        "acquisition": {
            "voxel_size": size, "shape": shape, "obliquity": obliquity, "echo_times": echo_times, "snr": snr,
            "repetition_time": 0.053,
            "oversampling": [max(1.0, edge / 0.9) for edge in size],
        },
    })  # fmt: skip
    return simulate(recipe, list_sessions(recipe)[0], workers=2), recipe["acquisition"]


def run_chain(subject: SimulatedSubject, acquisition: dict, preset: str, overrides: dict | None = None) -> dict:
    """Go from the noisy echoes to the local field; returns what `remove_background_fields` does, and user seconds."""
    magnitude = np.stack([np.abs(echo) for echo in subject.echoes])
    phase = np.stack([np.angle(echo) for echo in subject.echoes])
    size = voxel_size(subject.affine)
    settings = {
        "echo_times": acquisition["echo_times"], "voxel_size": size, "preset_name": preset, "overrides": overrides,
        "echo_sets": {"all": list(range(1, len(phase) + 1))},
    }  # fmt: skip
    start = time.process_time()
    brain, _ = mend_by_template(brain_mask(magnitude, voxel_size=size), subject.affine)
    total = estimate_total_fields(
        magnitude, phase, brain, field_strength=acquisition["field_strength"],
        b0_direction=b0_direction(subject.affine), **settings,
    )  # fmt: skip
    local = remove_background_fields(
        total["fields"], total["mask"], names=total["names"], inverse_sd=total["inverse_sd"],
        quality=total["quality"], b0_direction=b0_direction(subject.affine), **settings,
    )  # fmt: skip
    return local | {"seconds": time.process_time() - start, "magnitude": magnitude, "brain": brain, "total": total}


def score(chi: np.ndarray, subject: SimulatedSubject) -> list[float]:
    """Score a map on the true brain: NRMSE and slope error of the nuclei in percent, XSIM."""
    slope = region_slope_error(chi, subject.chi, subject.labels, NUCLEI)
    return [nrmse(chi, subject.chi, subject.brain), 100 * slope, xsim(chi, subject.chi, subject.brain)]


def main() -> None:
    """Print one line per case and preset, then means and worst cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=list(range(len(CASES))))
    parser.add_argument("--seed", type=int, default=300)
    parser.add_argument("--presets", nargs="+", default=["default", "published"])
    arguments = parser.parse_args()
    table: dict[str, list] = {}
    for index in arguments.cases:
        subject, acquisition = simulate_case(index, arguments.seed)
        for preset in arguments.presets:
            local = run_chain(subject, acquisition, preset)
            brain, mask = subject.brain, local["mask"] & subject.brain
            field = np.where(mask, local["local_fields"][0], 0)
            print(
                f"case {index:2d} {preset:9s} voxel {CASES[index][0]} coverage {mask.sum() / brain.sum():.3f} "
                f"local field {nrmse(field, subject.local_field, brain):6.1f} % in {local['seconds']:.0f} s",
                flush=True,
            )
            for name, parameters in INVERSIONS.items():
                found = local["local_fields"][0]
                chi = invert(
                    name, found, local["mask"], parameters=parameters,
                    voxel_size=acquisition["voxel_size"], b0_direction=b0_direction(subject.affine),
                    weight=local["weights"][0] if preset == "default" else None,
                    noise=field_noise(found, local["mask"]),
                    magnitude=local["magnitude"][0], workers=2, backend="numpy",
                )  # fmt: skip
                result = score(np.where(mask, chi, 0), subject)
                table.setdefault(f"{preset} {name}", []).append(result)
                print(
                    "           {:22s} NRMSE {:6.1f} %  nuclei {:5.1f} %  XSIM {:.3f}".format(
                        f"{preset} {name}", *result
                    )
                )
    for name, results in table.items():
        mean, (worst, nuclei, _) = np.mean(results, axis=0), np.max(results, axis=0)
        least = np.min(results, axis=0)[2]
        print(
            f"{name:22s} mean NRMSE {mean[0]:6.1f} % nuclei {mean[1]:5.1f} % XSIM {mean[2]:.3f}; "
            f"worst {worst:6.1f} % {nuclei:5.1f} % {least:.3f}"
        )


if __name__ == "__main__":
    main()
