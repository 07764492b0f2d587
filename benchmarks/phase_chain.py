"""Background removal and the whole phase chain on the phantom that the peers' figures were measured on.

    python benchmarks/phase_chain.py PHANTOM.npz

PHANTOM.npz holds a brain-shaped phantom of 160 x 192 x 160 voxels of 1 mm at 3 T: chi, loc, tot (ppm), mask, seg, mag,
phase (echo first), TE (s), B0. Every map is scored on the phantom's brain mask, uncovered voxels counted as zero. Where
to get such a phantom is told in benchmarks/inversion.py. The peers' rows were recorded on a machine of the same kind
(2 shared cores).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from chiomics.qsm.background.pdf import remove_background_pdf
from chiomics.qsm.background.vsharp import remove_background_vsharp
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.inversions.invert import invert
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.metrics import detrended_nrmse, nrmse, region_slope_error, xsim
from chiomics.qsm.phase.field_noise import field_noise

PEERS_BACKGROUND = {"iSMV": 25.6, "RESHARP": 27.2, "SHARP": 29.9, "LBV": 34.5, "V-SHARP": 37.3}
PEERS_CHAIN = """\
peers: local field  QSM.rs ROMEO + V-SHARP 124 %, QSM.rs Laplacian + V-SHARP 213 %
peers: chi          QSM.rs ROMEO + V-SHARP + RTS: NRMSE 98 %, nuclei 18.7 %, XSIM .234"""
GEOMETRY = {"voxel_size": (1.0, 1.0, 1.0), "b0_direction": (0.0, 0.0, 1.0)}
DEEP_GREY = (1, 2, 3, 4, 5, 6)


def timed(function: Callable, *arguments: object, **keywords: object) -> tuple:
    """Call and return the result and the user seconds."""
    start = time.process_time()
    result = function(*arguments, **keywords)
    return result, time.process_time() - start


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phantom")
    parser.add_argument("--presets", nargs="+", default=["default", "published"])
    arguments = parser.parse_args()
    phantom = np.load(arguments.phantom, allow_pickle=False)
    brain, labels = phantom["mask"], phantom["seg"]
    chi, local, total = (phantom[name].astype(np.float32) for name in ("chi", "loc", "tot"))
    magnitude, phase = (phantom[name].astype(np.float32) for name in ("mag", "phase"))

    print("local field from the true total field, NRMSE in the whole brain")
    for name, value in PEERS_BACKGROUND.items():
        print(f"  QSM.rs {name:12s} {value:6.1f} %")
    (found, inner), seconds = timed(remove_background_vsharp, total, brain, voxel_size=(1, 1, 1))
    weight = brain.astype(np.float32)
    (projected,), more = timed(remove_background_pdf, total[None], brain, weight, **GEOMETRY)
    for name, field, spent in (("V-SHARP", found, seconds), ("PDF with TFI", projected, more)):
        print(
            f"  {name:19s} {nrmse(field, local, brain):6.1f} %  {spent:5.1f} s  "
            f"(in V-SHARP's mask {nrmse(field, local, inner):.1f} %)"
        )

    print("from wrapped phase, with the mask of our own\n" + PEERS_CHAIN)
    own, mask_seconds = timed(brain_mask, magnitude, voxel_size=(1, 1, 1))
    every = list(range(1, len(phase) + 1))
    for preset in arguments.presets:
        settings = {
            "echo_times": phantom["TE"].tolist(),
            "voxel_size": (1, 1, 1),
            "echo_sets": {"all": every, "last": every[-1:]},
            "preset_name": preset,
        }
        fields, first = timed(
            estimate_total_fields,
            magnitude,
            phase,
            own,
            field_strength=float(phantom["B0"]),
            b0_direction=(0, 0, 1),
            **settings,
        )
        result, second = timed(
            remove_background_fields, fields["fields"], fields["mask"], names=fields["names"],
            inverse_sd=fields["inverse_sd"], quality=fields["quality"], b0_direction=(0, 0, 1), **settings,
        )  # fmt: skip
        inside = result["mask"] & brain
        print(
            f"{preset}: mask {inside.sum() / brain.sum():.3f} of the brain in {mask_seconds:.1f} s, "
            f"total fields {first:.1f} s, local fields {second:.1f} s"
        )
        for echo_set, field, weights in zip(result["names"], result["local_fields"], result["weights"], strict=True):
            noise = field_noise(field, result["mask"])
            error = nrmse(np.where(inside, field, 0), local, brain)
            print(f"  {echo_set:5s} local field {error:6.1f} %, noise {1e3 * noise:.2f} ppb")
            for name in ["ilsqr", "tv", "star", "medi", "l1", "tkd", "l2"] if echo_set == "all" else ["tv"]:
                found, seconds = timed(
                    invert, name, field, result["mask"], parameters={}, noise=noise,
                    weight=weights if preset == "default" else None,
                    magnitude=np.sqrt(np.mean(magnitude**2, axis=0)), workers=2, **GEOMETRY,
                )  # fmt: skip
                found = np.where(inside, found, 0)
                print(
                    f"  {echo_set:5s} {name:6s} NRMSE {nrmse(found, chi, brain):6.1f} %  "
                    f"DGM {detrended_nrmse(found, chi, brain & np.isin(labels, DEEP_GREY)):5.1f} %  "
                    f"nuclei {100 * region_slope_error(found, chi, labels, DEEP_GREY):5.1f} %  "
                    f"XSIM {xsim(found, chi, brain):.3f}  {seconds:.0f} s"
                )


if __name__ == "__main__":
    main()
