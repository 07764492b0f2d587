"""Cost of the features of the study of Fiscone et al. against pyradiomics and pictologics, and their equality.

    python -m benchmarks.radiomics [CASE ...] [--measure-shape]

Cases, on a synthetic image of 384 x 384 x 96 voxels of 0.5 x 0.5 x 1.5 mm: `wm`, the 1.2 million largest voxels of a
smooth random field; `tube`, 20,000 voxels; `small`, 2,700 voxels, from files, by parameter files as studies have
them; `nucleus`, 11,000 voxels on 256 x 256 x 80 voxels of 1 mm; `matrices`, the
five texture families of `wm` alone; `study`, one session as in the study. CPU seconds of one process and one thread;
compiled code is loaded beforehand, as in any job but a machine's first. pyradiomics is used well (image cut to the mask
with a margin, shape left out, no provenance) and as a user would (whole image, everything, once per grey level). Its
shape on `wm` takes minutes a call: its cost grows with the square of the number of surface points, so it is timed on a
part and extrapolated; `--measure-shape` measures it instead. pictologics needs Python 3.12: name an interpreter with
it in PICTOLOGICS_PYTHON, else the value measured before this project began is shown.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage

from chiomics.radiomics import extract, load_settings
from chiomics.radiomics.engine import region_features
from chiomics.radiomics.features import discretise, matrices
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.prepare import prepare
from chiomics.radiomics.region import Region

SHAPE, SPACING = (96, 384, 384), (1.5, 0.5, 0.5)
LEVELS = (8, 16, 32, 64, 128, 256, 512)
#: Of the five families on `wm` at 64 bins, one thread, pictologics 0.9.0: measured before the project began, s.
RECORDED_PICTOLOGICS = 0.18
#: Takes a small extraction first, so that imports and compiled code are not counted.
MEMORY = """
import sys
from pathlib import Path
import numpy as np
from chiomics.radiomics import extract
from chiomics.radiomics.image_zyx import ImageZYX
small = np.zeros((12, 12, 12), np.uint8)
small[2:9, 2:9, 2:9] = 1
extract(np.random.default_rng(0).normal(size=small.shape), small, spacing=(1, 1, 1), gray_levels=(8, 512))
image, mask = (ImageZYX(np.load(Path(sys.argv[1], name)), (1.5, 0.5, 0.5)) for name in ("image.npy", "mask.npy"))
peak = lambda: int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
extract(image, mask, gray_levels=(8, 16, 32, 64, 128, 256, 512))
print((peak() - before) / 2**20)
"""
PICTOLOGICS = """
import sys, time
import numpy as np
from pictologics.features.texture import calculate_all_texture_matrices as compute
case = np.load(sys.argv[1], allow_pickle=False)
args = dict(data=case["bins"], mask=case["mask"], n_bins=64, calc_gldzm=False)
compute(**args)
times = []
for _ in range(3):
    start = time.process_time()
    compute(**args)
    times.append(time.process_time() - start)
print(min(times))
"""


def cpu(function: Callable, repeats: int = 1) -> tuple[float, object]:
    """Return the least CPU seconds of a call, and what it returned."""
    least = np.inf
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        least = min(least, time.process_time() - start)
    return least, result


def image_and_masks() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Simulate a textured image in ppm and the masks."""
    rng = np.random.default_rng(1)
    texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE), (1, 2, 2))
    image = 0.03 * texture / texture.std() + 0.01 * rng.standard_normal(SHAPE)
    z, y, x = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in SHAPE)]
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE), (2.2, 6.5, 6.5))
    field[(z / 0.95) ** 2 + (y / 0.9) ** 2 + (x / 0.75) ** 2 >= 1] = -np.inf
    wm = field >= np.partition(field.ravel(), -1_200_000)[-1_200_000]
    plane, row, column = np.ogrid[tuple(slice(n) for n in SHAPE)]
    tube = (row - 192 - 40 * np.sin(plane / 20)) ** 2 + (column - 150 - 0.8 * plane) ** 2 < 8.2**2
    return image, {"wm": wm, "tube": tube}


def pyradiomics(image: np.ndarray, mask: np.ndarray, spacing: tuple, n_bins: int, *, well: bool) -> dict:
    """Call pyradiomics for one number of bins, well used or as a user would."""
    from radiomics import featureextractor

    if well:
        box = Region.from_mask(mask, spacing).box
        box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        image, mask = image[box], mask[box]
    extractor = featureextractor.RadiomicsFeatureExtractor(binCount=n_bins, additionalInfo=not well)
    if well:
        extractor.enableFeatureClassByName("shape", False)
    pair = [sitk.GetImageFromArray(voxels) for voxels in (image, mask.astype(np.uint8))]
    for each in pair:
        each.SetSpacing(spacing[::-1])
    return {name: value for name, value in extractor.execute(*pair).items() if name.startswith("original")}


def largest_difference(found: dict, reference: dict) -> float:
    """Return the largest relative difference, MCC left out."""
    names = [name for name in reference if not name.endswith("MCC")]
    return max(abs(found[name] - float(reference[name])) / abs(float(reference[name])) for name in names)


def named(frame: object, n_bins: int) -> dict:
    """Return the values at one number of bins under pyradiomics' names."""
    rows = frame[frame["n_gray_levels"] == n_bins]
    keys = rows["image_type"] + "_" + rows["feature_class"] + "_" + rows["feature"]
    return dict(zip(keys, rows["value"], strict=True))


def bench_wm(image: np.ndarray, mask: np.ndarray, *, measure_shape: bool) -> None:
    """Time all features at the seven grey levels, and pyradiomics well used and as given."""
    volume, label = ImageZYX(image, SPACING), ImageZYX(mask.astype(np.uint8), SPACING)
    ours, frame = cpu(lambda: extract(volume, label, gray_levels=LEVELS), repeats=2)
    memory = peak_memory(image, mask)
    settings = load_settings(gray_levels=LEVELS)
    no_shape = replace(settings, features={k: v for k, v in settings.features.items() if k != "shape"})
    ours_without_shape, _ = cpu(lambda: extract(volume, label, preset=no_shape), repeats=2)
    well, difference = 0.0, 0.0
    for n_bins in LEVELS:
        seconds, reference = cpu(lambda n=n_bins: pyradiomics(image, mask, SPACING, n, well=True))
        well += seconds
        difference = max(difference, largest_difference(named(frame, n_bins), reference))
    print(f"wm, {mask.sum()} voxels, 7 grey levels")
    print(f"  chiomics, 107 features            {ours:8.2f} s   (bar 6 s), peak memory +{memory:.2f} GiB (bar 1 GiB)")
    print(f"  chiomics, 93 without shape        {ours_without_shape:8.2f} s")
    print(f"  pyradiomics used well, 93         {well:8.2f} s   {well / ours_without_shape:6.1f} times (bar 8)")
    print(f"  largest relative difference       {difference:8.1e}     (bar 1e-9; MCC apart)")
    bench_naive(image, mask, ours, well, measure_shape=measure_shape)


def peak_memory(image: np.ndarray, mask: np.ndarray) -> float:
    """Return by how many GiB a fresh process grows at most when it extracts, image and mask in memory before."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "image.npy"), image)
        np.save(Path(folder, "mask.npy"), mask.astype(np.uint8))
        done = subprocess.run([sys.executable, "-c", MEMORY, folder], check=True, capture_output=True, text=True)
    return float(done.stdout)


def bench_naive(image: np.ndarray, mask: np.ndarray, ours: float, well: float, *, measure_shape: bool) -> None:
    """Compose the cost of seven plain calls: texture, what the whole image adds, and seven times the shape."""
    from radiomics import cShape

    padded = np.pad(mask, 1)
    part = padded if measure_shape else padded[:, 170:230, 170:230]
    shape, _ = cpu(lambda: cShape.calculate_coefficients(np.ascontiguousarray(part), np.array(SPACING)))
    points, of_part = surface_points(padded), surface_points(part)
    shape *= (points / of_part) ** 2
    from radiomics import generalinfo

    # What a call on the whole image as given does besides: hashes, statistics and components of the whole.
    pair = [sitk.GetImageFromArray(voxels) for voxels in (image, mask.astype(np.uint8))]

    def provenance() -> None:
        info = generalinfo.GeneralInfo()
        info.addImageElements(pair[0])
        info.addMaskElements(*pair, 1)

    whole, _ = cpu(provenance)
    naive = well + len(LEVELS) * (shape + whole)
    how = "measured" if measure_shape else f"extrapolated from {of_part} of {points} surface points"
    print(f"  pyradiomics, shape once           {shape:8.0f} s   ({how})")
    print(f"  pyradiomics as given, 7 calls     {naive:8.0f} s   {naive / ours:6.0f} times (bar 300)")


def surface_points(padded: np.ndarray) -> int:
    """Count the voxel edges that cross the surface."""
    return sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))


def bench_tube(image: np.ndarray, mask: np.ndarray) -> None:
    """Time a small region in a large image: what surrounds it must not cost."""
    volume, label = ImageZYX(image, SPACING), ImageZYX(mask.astype(np.uint8), SPACING)
    ours, frame = cpu(lambda: extract(volume, label, gray_levels=LEVELS), repeats=3)
    naive, difference = 0.0, 0.0
    for n_bins in LEVELS:
        seconds, reference = cpu(lambda n=n_bins: pyradiomics(image, mask, SPACING, n, well=False))
        naive += seconds
        difference = max(difference, largest_difference(named(frame, n_bins), reference))
    print(f"tube, {mask.sum()} voxels, 7 grey levels")
    print(f"  chiomics, 107 features            {ours:8.3f} s   (bar 0.25 s)")
    print(f"  pyradiomics as given, 7 calls     {naive:8.2f} s   {naive / ours:6.0f} times")
    print(f"  largest relative difference       {difference:8.1e}     (bar 1e-9; MCC apart)")


def bench_nucleus() -> None:
    """Time the 874 features of one nucleus in an ordinary head."""
    rng = np.random.default_rng(2)
    shape = (80, 256, 256)
    image = 0.05 * ndimage.gaussian_filter(rng.standard_normal(shape), 0.8)
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    mask = ((z - 40) / 10) ** 2 + ((y - 128) / 22) ** 2 + ((x - 100) / 12) ** 2 < 1
    volume, label = ImageZYX(image, (1.0, 1.0, 1.0)), ImageZYX(mask.astype(np.uint8), (1.0, 1.0, 1.0))
    ours, frame = cpu(lambda: extract(volume, label, preset="yan874"), repeats=3)
    theirs, reference = cpu(lambda: extract(volume, label, preset="yan874", engine="pyradiomics"))
    difference = (frame["value"] - reference["value"]).abs() / reference["value"].abs().clip(lower=1e-9)
    assert frame.drop(columns="value").equals(reference.drop(columns="value"))
    print(f"nucleus, {mask.sum()} voxels, {len(frame)} features")
    print(f"  chiomics                          {ours:8.3f} s   (bar 0.5 s)")
    print(f"  pyradiomics                       {theirs:8.2f} s   {theirs / ours:6.1f} times")
    print(f"  largest relative difference       {difference.max():8.1e}")


#: Parameter files of `small`: what they ask for beside 32 bins.
FILES = {
    "107 features, no resampling": ({}, {"Original": {}}),
    "107 features, B-spline to 1 mm": ({"resampledPixelSpacing": [1, 1, 1]}, {"Original": {}}),
    "1,037 features, B-spline to 1 mm": (
        {"resampledPixelSpacing": [1, 1, 1]}, {"Original": {}, "LoG": {"sigma": [1.0, 3.0]}, "Wavelet": {}},
    ),
}  # fmt: skip


def bench_small(image: np.ndarray) -> None:
    """Time one small region in a large image, read from compressed files, float32 and whole numbers."""
    from radiomics import featureextractor

    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    mask = ((z - 48) / 6) ** 2 + ((y - 180) / 14) ** 2 + ((x - 150) / 8) ** 2 < 1
    brain = ((z - 48) / 44) ** 2 + ((y - 192) / 170) ** 2 + ((x - 192) / 140) ** 2 < 1
    noisy = image.astype(np.float32)  # all of it costs what it takes to decompress it, which is the floor of both
    image = np.where(brain, image, 0)  # as a map is
    print(f"small, {mask.sum()} voxels, from files (bar 10 times; behind it what reading alone takes, and so allows)")
    with tempfile.TemporaryDirectory() as folder:
        scaled = {"float32": image.astype(np.float32), "int16": np.rint(20_000 * image).astype(np.int16)}
        scaled["noise float32"] = noisy
        for name, voxels in {**scaled, "mask": mask.astype(np.uint8)}.items():
            stored = sitk.GetImageFromArray(voxels)
            stored.SetSpacing(SPACING[::-1])
            sitk.WriteImage(stored, str(Path(folder, f"{name}.nii.gz")))
        for what, (setting, image_types) in FILES.items():
            path = Path(folder, "parameters.yaml")
            path.write_text(json.dumps({"setting": {"binCount": 32, "label": 1, **setting}, "imageType": image_types}))
            for name in scaled:
                pair = [str(Path(folder, f"{one}.nii.gz")) for one in (name, "mask")]
                ours, frame = cpu(lambda pair=pair, path=path: extract(*pair, preset=path), repeats=3)
                extractor = featureextractor.RadiomicsFeatureExtractor(str(path))
                theirs, found = cpu(lambda pair=pair, own=extractor: own.execute(*pair), repeats=2)
                keys = frame["image_type"] + "_" + frame["feature_class"] + "_" + frame["feature"]
                reference = np.array([float(found[key]) for key in keys])
                apart = np.abs(frame["value"].to_numpy() - reference) / np.abs(reference).clip(min=1e-9)
                floor, _ = cpu(lambda pair=pair: [sitk.ReadImage(one) for one in pair], repeats=3)
                print(f"  {what:34s} {name:13s} {ours:6.3f} s {theirs:6.2f} s {theirs / ours:6.1f} times", end="")
                print(f"   {floor:6.3f} s {theirs / floor:6.1f} times   {apart.max():8.1e}")


def bench_matrices(image: np.ndarray, mask: np.ndarray) -> None:
    """Time the five texture families at 64 bins, from image and mask to matrices."""
    values = image[mask]
    edges = discretise.count_edges(values, 64)
    grey = discretise.discretise(values, edges)

    def five_families() -> None:
        region = Region.from_mask(mask, SPACING)
        near = region.neighbours()
        rank, longest = grey.rank, max(region.mask.shape)
        matrices.texture_matrices(rank, near.table, near.number, grey.levels, 0.0, longest, True)
        forest = np.arange(region.n_voxels, dtype=np.int32)
        matrices.zones(rank, near.table, forest, np.zeros(1, dtype=np.int32))
        matrices.zone_sizes(rank, forest)

    five_families()
    ours, _ = cpu(five_families, repeats=3)
    python = os.environ.get("PICTOLOGICS_PYTHON")
    theirs, source = RECORDED_PICTOLOGICS, "measured before this project began"
    if python:
        bins = np.zeros(SHAPE)
        bins[mask] = grey.levels[grey.rank[:-1] - 1]
        with tempfile.TemporaryDirectory() as folder:
            case = Path(folder, "case.npz")
            np.savez(case, bins=bins, mask=mask.astype(np.float64))
            done = subprocess.run([python, "-c", PICTOLOGICS, case], check=True, capture_output=True, text=True)
        theirs, source = float(done.stdout), "in this run"
    print("matrices, five families of wm at 64 bins, from image and mask")
    print(f"  chiomics, neighbours included     {ours:8.3f} s   (13 directions kept apart)")
    print(f"  pictologics                       {theirs:8.3f} s   ({source}; directions merged, other values)")


def bench_study(image: np.ndarray, masks: dict[str, np.ndarray]) -> None:
    """Time one session: four maps, white matter and ten tracts, seven grey levels; the study has 151 sessions."""
    rng = np.random.default_rng(3)
    maps = [ImageZYX(image + 0.002 * rng.standard_normal(SHAPE), SPACING) for _ in range(4)]
    settings = load_settings(gray_levels=LEVELS)

    def session() -> int:
        number = 0
        for name in ("wm", *["tube"] * 10):
            prepared = prepare(ImageZYX(masks[name].astype(np.uint8), SPACING), (1,), settings)
            number += sum(1 for chi in maps for _ in region_features(chi, prepared, settings))
        return number

    seconds, number = cpu(session)
    print(f"study, one session of 4 maps, 11 regions, 7 grey levels: {number} values")
    print(
        f"  chiomics                          {seconds:8.2f} s   {seconds * 151 / 3600:6.2f} CPU hours for 151 sessions"
    )


def in_one_thread() -> None:
    """Start anew with one thread per library, which each reads when it is imported."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    if any(os.environ.get(f"{library}_NUM_THREADS") != "1" for library in libraries):
        os.environ.update({f"{library}_NUM_THREADS": "1" for library in libraries})
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.radiomics", *sys.argv[1:]])


def main() -> None:
    """Run the cases asked for."""
    in_one_thread()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["nucleus", "tube", "small", "matrices", "study", "wm"])
    parser.add_argument("--measure-shape", action="store_true", help="let pyradiomics find the shape of wm: minutes")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import radiomics  # noqa: F401  (sets the level of its own log)

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    print(f"{platform.machine()}, Python {platform.python_version()}, one thread, CPU seconds\n")
    small = np.zeros((12, 12, 12), np.uint8)
    small[2:9, 2:9, 2:9] = 1
    for levels in ((8, 16), (512,)):  # load the compiled code
        extract(np.random.default_rng(0).normal(size=small.shape), small, spacing=(1, 1, 1), gray_levels=levels)
    image, masks = image_and_masks()
    for case in arguments.cases:
        if case == "wm":
            bench_wm(image, masks["wm"], measure_shape=arguments.measure_shape)
        elif case == "tube":
            bench_tube(image, masks["tube"])
        elif case == "small":
            bench_small(image)
        elif case == "nucleus":
            bench_nucleus()
        elif case == "matrices":
            bench_matrices(image, masks["wm"])
        elif case == "study":
            bench_study(image, masks)
        else:
            sys.exit(f"unknown case {case}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
