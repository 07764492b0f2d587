"""Draw the pictures of docs/qsm.md: one simulated subject, every stage of the chain, both presets.

    python docs/make_qsm_figures.py [--folder docs/images] [--workers 2]

Nothing is read but the package: the subject is simulated from the seed below, so the pictures can be made again at any
time. It takes some minutes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

from chiomics.core.images import b0_direction, voxel_size
from chiomics.core.origin import SIMULATED_MARK
from chiomics.phantom.head import tissue
from chiomics.phantom.recipe import list_sessions, load_recipe
from chiomics.phantom.subject import SimulatedSubject, simulate
from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.inversions.invert import invert
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.masks.template_mask import mend_by_template
from chiomics.qsm.metrics import nrmse
from chiomics.qsm.phase.field_noise import field_noise
from chiomics.qsm.r2star import fit_r2star
from chiomics.qsm.reference import csf_mask, find_reference

#: One subject with MS; finer than the demonstration cohort, so that the pictures show detail.
RECIPE = {
    "seed": 64,
    "groups": {"HC": 0, "MS": 1, "NMOSD": 0},
    "acquisition": {"voxel_size": [1.25, 1.25, 1.5], "shape": [152, 180, 92], "oversampling": [1.1, 1.1, 1.3]},
}
ECHO_SETS = {"all": [1, 2, 3, 4, 5], "1TE": [1], "3TE": [1, 3, 5], "5TE": [5]}
#: Title and name of the inversions in the order of the picture.
INVERSIONS = {
    "TV": ("tv", {}),
    "STAR": ("star", {}),
    "MEDI": ("medi", {}),
    "iLSQR": ("ilsqr", {}),
    "iLSQR, fast": ("ilsqr", {"fast": True}),
    "TKD": ("tkd", {}),
    "L2": ("l2", {}),
}
#: Display ranges: χ and its error, local and total field in ppm, R2* in 1/s.
CHI, ERROR, LOCAL, TOTAL, R2STAR = (-0.15, 0.15), (-0.08, 0.08), (-0.05, 0.05), (-0.5, 0.5), (0, 60)
#: Depth in mm below which the second figure of accuracy counts, and room around the brain in the pictures, in voxels.
DEPTH, MARGIN = 2.0, 10
#: Axes of the three planes: what is cut, and the letters of the sides (across, then up).
PLANES = {"axial": (2, "LRPA"), "coronal": (1, "LRIS"), "sagittal": (0, "PAIS")}
DPI, WIDTH = 90, 2.3

log = logging.getLogger("make_qsm_figures")


def main() -> None:
    """Simulate, map and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    recipe = load_recipe(RECIPE)
    subject = simulate(recipe, list_sessions(recipe)[0], workers=arguments.workers)
    draw_all(subject, map_subject(subject, recipe["acquisition"], arguments.workers), arguments.folder)


def map_subject(subject: SimulatedSubject, acquisition: dict, workers: int) -> dict:
    """Take the subject through both presets and every inversion, and keep what every stage gives."""
    magnitude = np.stack([np.abs(echo) for echo in subject.echoes])
    phase = np.stack([np.angle(echo) for echo in subject.echoes])
    size, b0 = voxel_size(subject.affine), b0_direction(subject.affine)
    rough = brain_mask(magnitude, voxel_size=size)
    brain, fits = mend_by_template(rough, subject.affine)
    log.info("template fits: %s", fits)
    r2star = fit_r2star(magnitude, brain, echo_times=acquisition["echo_times"])
    stages = {"magnitude": magnitude, "phase": phase, "rough": rough, "brain": brain, "r2star": r2star, "size": size}
    settings = {"echo_times": acquisition["echo_times"], "voxel_size": size, "echo_sets": ECHO_SETS, "workers": workers}
    root_mean_square = np.sqrt(np.mean(np.square(magnitude), axis=0))
    for preset in ("default", "published"):
        total = estimate_total_fields(
            magnitude, phase, brain, field_strength=acquisition["field_strength"], preset_name=preset, **settings
        )
        local = remove_background_fields(
            total["fields"], total["mask"], names=total["names"], inverse_sd=total["inverse_sd"],
            quality=total["quality"], b0_direction=b0, preset_name=preset, **settings,
        )  # fmt: skip
        fluid = csf_mask(r2star, local["mask"], voxel_size=size, field_strength=acquisition["field_strength"])

        weighted = preset == "default"

        def chi_of(title: str, echo_set: str, local: dict, fluid: np.ndarray, weighted: bool) -> tuple:
            """Invert one echo set and refer it to the fluid."""
            name, parameters = INVERSIONS[title]
            number = local["names"].index(echo_set)
            field = local["local_fields"][number]
            chi = invert(
                name, field, local["mask"], parameters=parameters, noise=field_noise(field, local["mask"]),
                voxel_size=size, b0_direction=b0, weight=local["weights"][number] if weighted else None,
                magnitude=root_mean_square, csf_mask=fluid, workers=workers, backend="numpy",
            )  # fmt: skip
            reference = find_reference(chi, local["mask"], voxel_size=size, region=fluid)
            return np.where(local["mask"], chi - reference.value, 0).astype(np.float32), reference

        titles = INVERSIONS if weighted else ["iLSQR"]
        maps = {title: chi_of(title, "all", local, fluid, weighted) for title in titles}
        if weighted:
            single = [echo_set for echo_set in ECHO_SETS if echo_set != "all"]
            maps |= {echo_set: chi_of("TV", echo_set, local, fluid, weighted) for echo_set in single}
        stages[preset] = {"total": total, "local": local, "maps": maps}
    return stages


def draw_all(subject: SimulatedSubject, stages: dict, folder: Path) -> None:
    """Draw and write every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    default, published = stages["default"], stages["published"]
    mask, magnitude, phase = default["local"]["mask"], stages["magnitude"], stages["phase"]
    truth, brain = refer_truth(subject), subject.brain
    nuclei = np.isin(subject.labels % tissue.RIGHT, list(tissue.NUCLEUS_LABELS.values()))
    deep = ndimage.distance_transform_edt(brain, sampling=stages["size"]) > DEPTH
    # Through the basal ganglia, and where the echoes disagree most.
    third = nuclei.shape[2] // 3
    middle = third + int(np.argmax(nuclei[:, :, third:].sum(axis=(0, 1))))
    low = int(np.argmax(((1 - default["total"]["quality"]) * deep)[:, :, :middle].sum(axis=(0, 1))))
    ganglia = np.nonzero(nuclei)
    coronal, sagittal = int(np.median(ganglia[1])), int(np.median(np.nonzero(brain)[0])) + 8
    chi, reference = default["maps"]["TV"]
    bright = (0, float(np.percentile(magnitude[0][mask], 99)) * 1.2)
    draw = Drawing(folder, stages["size"], stages["brain"])

    draw("qsm-simulated", [[
        ("magnitude (a.u.)", magnitude[0], bright, "axial", middle, []),
        ("wrapped phase (rad)", phase[-1], (-np.pi, np.pi), "axial", middle, []),
        ("local field (ppm)", default["local"]["local_fields"][0], LOCAL, "axial", middle, []),
        ("susceptibility χ (ppm)", chi, CHI, "axial", middle, []),
    ]])  # fmt: skip
    draw("qsm-input", [
        [(f"magnitude, echo {e + 1} (a.u.)", magnitude[e], bright, "axial", middle, []) for e in (0, 2, 4)],
        [(f"wrapped phase, echo {e + 1} (rad)", phase[e], (-np.pi, np.pi), "axial", middle, []) for e in (0, 2, 4)],
    ])  # fmt: skip
    draw("qsm-brain-mask", [[
        (f"magnitude, echo 1 (a.u.), {plane}", magnitude[0], bright, plane, index,
         [(brain, "deepskyblue"), (stages["brain"], "orange")])
        for plane, index in (("axial", middle), ("coronal", coronal), ("sagittal", sagittal))
    ]], width=3.0)  # fmt: skip
    laplacian = published["total"]["fields"][published["total"]["names"].index("echo-5")]
    draw("qsm-total-field", [
        [
            ("wrapped phase, echo 5 (rad)", phase[-1], (-np.pi, np.pi), plane, index, []),
            ("total field, default (ppm)", default["total"]["fields"][0], TOTAL, plane, index, []),
            ("Laplacian, echo 5 (ppm)", laplacian, TOTAL, plane, index, []),
            ("total field, truth (ppm)", np.where(brain, subject.total_field, 0), TOTAL, plane, index, []),
        ] for plane, index in (("axial", middle), ("sagittal", sagittal))
    ])  # fmt: skip
    inconsistent = np.where(stages["brain"], np.maximum(1 - default["total"]["quality"], 1e-6), 0)
    draw("qsm-reliability", [
        [
            ("magnitude, echo 5 (a.u.)", magnitude[-1], bright, plane, index, []),
            ("1 - phase quality", inconsistent, (0, 0.05), plane, index,
             [(stages["brain"], "deepskyblue"), (mask, "orange")]),
            ("data weight (mean 1)", default["local"]["weights"][0], (0, 2), plane, index, []),
        ] for plane, index in (("axial", low), ("sagittal", sagittal))
    ])  # fmt: skip
    true_local = np.where(brain, subject.local_field, 0)
    draw("qsm-background", [
        [
            ("total field (ppm)", default["total"]["fields"][0], TOTAL, plane, index, []),
            ("local field, default (ppm)", default["local"]["local_fields"][0], LOCAL, plane, index, []),
            ("local field, published (ppm)", published["local"]["local_fields"][0], LOCAL, plane, index, []),
            ("local field, truth (ppm)", true_local, LOCAL, plane, index, []),
        ] for plane, index in (("axial", middle), ("sagittal", sagittal))
    ])  # fmt: skip
    errors = {name: (default["maps"][name][0] - truth) * (brain & mask) for name in INVERSIONS}
    panels = [("truth (ppm)", truth, CHI, "axial", middle, [])]
    panels += [(f"{name} (ppm)", default["maps"][name][0], CHI, "axial", middle, []) for name in INVERSIONS]
    wrong = [("truth (ppm)", truth, CHI, "coronal", coronal, [])]
    wrong += [(f"{name} - truth (ppm)", errors[name], ERROR, "coronal", coronal, []) for name in INVERSIONS]
    draw("qsm-inversions", [panels[:4], wrong[:4], panels[4:], wrong[4:]], width=1.9)
    fluid = int(np.argmax(reference.mask.sum(axis=(0, 1))))
    draw("qsm-reference", [[
        ("R2* (1/s)", stages["r2star"], R2STAR, "axial", fluid, [(reference.mask, "orange")]),
        ("χ before (ppm)", np.where(mask, chi + reference.value, 0), CHI, "axial", fluid, []),
        (f"χ less {reference.value:+.3f} ppm (ppm)", chi, CHI, "axial", fluid, [(reference.mask, "orange")]),
    ]])  # fmt: skip
    titles = {"1TE": "echo 1", "5TE": "echo 5", "3TE": "echoes 1, 3, 5", "TV": "all five echoes"}
    draw("qsm-echo-sets", [
        [(f"χ, {title} (ppm)", default["maps"][name][0], CHI, "axial", middle, []) for name, title in titles.items()]
    ])  # fmt: skip
    both = {"default: TV": default, "published: iLSQR": published}
    shown, wrong = [], []
    for name, preset in both.items():
        values = np.where(preset["local"]["mask"], preset["maps"][name.split(": ")[1]][0], 0)
        whole, inner = (nrmse(np.where(brain, values, 0), truth, part) for part in (brain, deep))
        coverage = 100 * (preset["local"]["mask"] & brain).sum() / brain.sum()
        log.info(
            "%s: NRMSE %.1f %%, %.1f %% without the outer %g mm, coverage %.1f %%", name, whole, inner, DEPTH, coverage
        )
        shown.append((f"{name} (ppm)", values, CHI))
        wrong.append(
            (f"{name.split(':')[0]} - truth (ppm)", (values - truth) * (brain & preset["local"]["mask"]), ERROR)
        )
    draw("qsm-presets", [
        [(*panel, plane, index, []) for panel in (("truth (ppm)", truth, CHI), *shown, *wrong)]
        for plane, index in (("axial", middle), ("sagittal", sagittal))
    ], width=2.0)  # fmt: skip


def refer_truth(subject: SimulatedSubject) -> np.ndarray:
    """Refer the true χ to the ventricles' fluid, as the maps are, and blank what is not brain."""
    fluid = (subject.r2star < np.percentile(subject.r2star[subject.brain], 2)) & subject.brain
    return np.where(subject.brain, subject.chi - np.median(subject.chi[fluid]), 0).astype(np.float32)


class Drawing:
    """Writes rows of slices on fixed scales; volumes must be stored in right-anterior-superior order."""

    def __init__(self, folder: Path, size: Sequence[float], brain: np.ndarray) -> None:
        self.folder, self.size = folder, size
        found = [np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        self.box = [slice(max(int(index[0]) - MARGIN, 0), int(index[-1]) + 1 + MARGIN) for index in found]

    def __call__(self, name: str, rows: list, *, width: float = WIDTH) -> None:
        """Draw rows of (title, volume, range, plane, slice, outlines) and write the picture."""
        heights = [max(self._height(panel[3]) for panel in row) for row in rows]
        figure = Figure(
            figsize=(width * len(rows[0]), width * sum(heights) + 0.5 * len(rows) + 0.2),
            facecolor="black", layout="compressed",
        )  # fmt: skip
        grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, height_ratios=heights)
        for axes_of_row, row in zip(grid, rows, strict=True):
            for axes, panel in zip(axes_of_row, row, strict=True):
                self._panel(figure, axes, *panel)
        figure.suptitle(SIMULATED_MARK, color="white", fontsize=8)
        figure.savefig(
            self.folder / f"{name}.png", dpi=DPI, facecolor="black", metadata={"Software": None},
            bbox_inches="tight", pad_inches=0.05,
        )  # fmt: skip
        log.info("%s.png", name)

    def _height(self, plane: str) -> float:
        """Height over width of a slice."""
        edges = [(part.stop - part.start) * edge for part, edge in zip(self.box, self.size, strict=True)]
        across, up = (other for other in range(3) if other != PLANES[plane][0])
        return edges[up] / edges[across]

    def _panel(
        self, figure: Figure, axes: mpl.axes.Axes, title: str, volume: np.ndarray, limits: tuple, plane: str,
        index: int, outlines: list,
    ) -> None:  # fmt: skip
        """Draw one slice with its colour bar, outlines and the letters of its sides."""
        cut, letters = PLANES[plane]
        across, up = (other for other in range(3) if other != cut)
        section = self._section(volume, cut, index)
        image = axes.imshow(
            np.ma.masked_equal(section, 0), origin="lower", cmap="gray", vmin=limits[0], vmax=limits[1],
            aspect=self.size[up] / self.size[across], interpolation="nearest",
        )  # fmt: skip
        for mask, colour in outlines:
            edge = self._section(mask, cut, index)
            if edge.any():
                axes.contour(edge.astype(float), levels=[0.5], colors=colour, linewidths=0.8)
        places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.03), (0.5, 0.97))
        for (x, y), letter in zip(places, letters, strict=True):
            axes.text(x, y, letter, transform=axes.transAxes, color="yellow", ha="center", va="center", fontsize=7)
        axes.set_title(title, color="white", fontsize=8)
        axes.set_axis_off()
        bar = figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.04, pad=0.01, aspect=30)
        bar.ax.tick_params(colors="white", labelsize=6)
        if limits[1] == np.pi:
            bar.set_ticks([-np.pi, 0, np.pi], labels=["-π", "0", "π"])
        else:
            bar.set_ticks(limits if limits[0] >= 0 else [limits[0], 0, limits[1]], labels=None)
            bar.ax.xaxis.set_major_formatter("{x:.2g}")

    def _section(self, volume: np.ndarray, cut: int, index: int) -> np.ndarray:
        """Cut a slice out of the brain's box; rows are the upward axis."""
        box = tuple(index if axis == cut else part for axis, part in enumerate(self.box))
        return volume[box].T


if __name__ == "__main__":
    main()
