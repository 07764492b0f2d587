"""Measure the memory of every step that compares sessions, on cohorts of several sizes made from a finished run.

    python -m benchmarks.group_memory OUT/results [SESSIONS ...] [--steps NAME ...]

Tables, sidecars and lesions of the run's sessions are copied under new names, the numbers of their features times one
and a little noise, so that columns, rows and sizes are those of a real run. Each step is the workflow's own script in a
process of its own. The classifiers on FLAIR get images of their configured size, half of them brain, all with the same
voxels, and learn for one epoch; the χ atlas, which takes one map after the other, is not among the steps.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chiomics.configuration import complete_configuration
from chiomics.flair.study.trainings import REFERENCE_ARM, Training

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("fiscone107", "yan874")
LESIONS = {"lesions": "lesions.parquet", "features": "features.parquet", "patches": "patches.npy", "masks": "masks.npy"}
GROUPS = ("MS", "NMOSD")
MODEL = {"weights": "safetensors", "card": "json"}
#: Runs a script as Snakemake does: its rule's files and parameters as attributes of an object.
RUN = """
import json, resource, runpy, sys, time
class Named(list):
    def __init__(self, given):
        given = given if isinstance(given, dict) else {"_": given}
        super().__init__(one for files in given.values() for one in (files if isinstance(files, list) else [files]))
        self.__dict__.update(given, _given=given)
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return []
    def __getitem__(self, key):
        return self._given[key] if isinstance(key, str) else super().__getitem__(key)
    def items(self):
        return self._given.items()
given = json.load(open(sys.argv[1]))
class Params:
    def __getitem__(self, key):
        return self.__dict__[key]
params, wildcards = Params(), Params()
params.__dict__.update(given["params"])
wildcards.__dict__.update(given["wildcards"])
class Snakemake:
    input, output = Named(given["input"]), Named(given["output"])
    log, threads = [given["log"]], 1
Snakemake.params, Snakemake.wildcards = params, wildcards
if "command" in given:
    from chiomics.cli import main
    main(given["command"])
else:
    runpy.run_path(given["script"], init_globals={"snakemake": Snakemake})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{time.process_time():.1f} {peak * 1024 / 1e6:.0f}", file=sys.stderr)
"""


class Cohort:
    """Copies of the sessions of a finished run, in a folder of results."""

    def __init__(self, real: Path, folder: Path, size: int) -> None:
        self.results, self.size, self.real = folder / "results", size, real
        found = sorted(real.glob("sub-*/radiomics/*_desc-fiscone107_features.parquet"))
        found = [path for path in found if Path(str(path).replace(*PRESETS)).exists()]
        self.originals = [path.parts[-3] for path in found]
        if not self.originals:
            sys.exit(f"{real}: no session has features of {' and '.join(PRESETS)}")
        self.inversion = found[0].name.split("_rec-")[1].split("_")[0]
        self.names = [f"sub-{number:05d}" for number in range(size)]

    def sources(self):
        """Pair the new names with the sessions that they are copied from."""
        return ((name, self.originals[number % len(self.originals)]) for number, name in enumerate(self.names))

    def of(self, pattern: str) -> list[str]:
        """Name a file of every session."""
        return [str(self.results / pattern.format(name=name)) for name in self.names]

    def write_people(self) -> None:
        """Write a manifest with two groups."""
        header = (self.real / "manifest.tsv").read_text().splitlines()[0].split("\t")
        self.results.mkdir(parents=True, exist_ok=True)
        lines = ["\t".join(header)]
        for number, name in enumerate(self.names):
            row = {"session": name, "participant_id": name, "status": "included", "group": GROUPS[number % 2]}
            row |= {"age": str(20 + number % 50), "sex": "MF"[number // 2 % 2]}
            lines.append("\t".join(row.get(key, "") for key in header))
        (self.results / "manifest.tsv").write_text("\n".join(lines) + "\n")

    def copy_text(self, pattern: str) -> list[str]:
        """Copy a text file of every session with its new name."""
        for name, source in self.sources():
            text = (self.real / pattern.format(name=source)).read_text().replace(source, name)
            path = self.results / pattern.format(name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.of(pattern)

    def copy_features(self, preset: str) -> list[str]:
        """Copy a table of features of every session."""
        pattern = f"{{name}}/radiomics/{{name}}_rec-{self.inversion}_desc-{preset}_features.parquet"
        rng, tables = np.random.default_rng(0), {}
        for name, source in self.sources():
            path = self.results / pattern.format(name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if source not in tables:
                text = [field.name for field in pq.read_schema(self.real / pattern.format(name=source))
                        if field.type == pa.string()]  # fmt: skip
                tables[source] = pq.read_table(self.real / pattern.format(name=source), read_dictionary=text)
            table = tables[source]
            values = table["value"].to_numpy() * rng.normal(1, 0.05, len(table))
            who = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), [name])
            table = table.set_column(table.column_names.index("participant"), "participant", who)
            table = table.set_column(table.column_names.index("value"), "value", pa.array(values))
            pq.write_table(table.replace_schema_metadata(None), path, compression="lz4", store_schema=False)
        return self.of(pattern)

    def copy_lesions(self) -> dict[str, list[str]]:
        """Copy the set of lesions of every session: four files each."""
        for name, source in self.sources():
            for file in LESIONS.values():
                path = self.results / f"{name}/rims/{name}_desc-lesions_{file}"
                path.parent.mkdir(parents=True, exist_ok=True)
                original = self.real / f"{source}/rims/{source}_desc-lesions_{file}"
                if file.endswith(".npy"):
                    os.link(original, path)
                    continue
                table = pq.read_table(original)
                who = pa.array([name] * len(table), table.schema.field("participant_id").type)
                place = table.column_names.index("participant_id")
                pq.write_table(table.set_column(place, "participant_id", who), path)
        return {key: self.of(f"{{name}}/rims/{{name}}_desc-lesions_{file}") for key, file in LESIONS.items()}

    def make_flair(self, edge: int, pixels: int) -> list[str]:
        """Write images for the classifiers: noise in a ball, as hard to pack as a brain, and some lesions."""
        import pandas as pd

        from chiomics.flair.images.prepare import IMAGES, Prepared

        rng = np.random.default_rng(0)
        shapes = {"wang": (1, edge, edge, edge), "seok": (1, 5, pixels, pixels)}
        images = {}
        for name in IMAGES:
            shape = shapes[name[:4]]
            axes = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape[1:]), indexing="ij")
            inside = sum(axis**2 for axis in axes[-2:]) + (axes[0] ** 2 if shape[1] == edge else 0) < 1
            noise = rng.normal(size=shape)
            images[name] = (inside * (noise > 2.5 if name.endswith("lesions") else noise)).astype(np.float16)
        known = {
            "lesion_count": 5.0,
            "lesion_source": "given",
            "preparation": "noise",
            "simulated": True,
            "session": "",
        }
        written = self.results / "flair.npz"
        for number, name in enumerate(self.names):
            row = {**known, "participant": name, "session": name, "lesion_volume_mm3": 1e3 + number}
            path = self.results / f"{name}/flair/{name}_desc-classifiers_FLAIR.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            one = Prepared(pd.DataFrame([row]), images, np.zeros((1, 8), np.float32))
            if not number:  # packed once: what differs is added to copies of the file
                replace(one, table=pd.DataFrame()).write(written)
            shutil.copyfile(written, path)
            with ZipFile(path, "a") as file:
                for key, values in one.columns().items():
                    with file.open(f"{key}.npy", "w") as stream:
                        np.lib.format.write_array(stream, values, allow_pickle=False)
            path.with_suffix(".json").write_text(json.dumps({"Session": name}))
        return self.of("{name}/flair/{name}_desc-classifiers_FLAIR.npz")

    def write_performance(self) -> str:
        """Write a table of performance that nothing was measured for."""
        path = self.results / "performance.tsv"
        path.write_text("arm\tmetric\tlabels\tscheme\tinput\tepoch\tpooled\tlow\thigh\n")
        return str(path)


def steps_of(cohort: Cohort, wanted: list[str]) -> dict[str, dict]:
    """Write the inputs of the steps, and describe each: script, inputs, outputs, parameters."""
    out, steps = cohort.results / "out", {}
    for folder in ("robustness", "papers", "rims", "site", "diagnosis", "flair"):
        (out / folder).mkdir(parents=True, exist_ok=True)

    def step(name: str, script: str, inputs, outputs, **params) -> None:
        if name in wanted or not wanted:
            steps[name] = {"script": str(ROOT / "scripts" / script), "input": inputs(), "output": outputs}
            steps[name] |= {"params": params, "wildcards": {"study": "wang2020"}, "log": str(out / f"{name}.log")}

    cohort.write_people()
    written: dict[str, list[str]] = {}

    def features(*presets: str) -> list[str]:
        for preset in presets:
            if preset not in written:
                written[preset] = cohort.copy_features(preset)
        return [path for preset in presets for path in written[preset]]

    robust = {"bootstraps": 20, "inversion": cohort.inversion}
    folder = out / "robustness"
    tables = [f"{name}.tsv" for name in ("counts", "optimal_gray_level", "missing", "left_out", "sides", "groups")]
    tables = [str(folder / name) for name in ("icc.parquet", *tables, "whitelist.tsv")]
    tracts = [
        str(folder / name) for name in ("distributions.parquet", "volumes.tsv", "trends.tsv", "contradictions.tsv")
    ]
    anatomy = "{name}/anat/{name}_desc-anatomy_"
    step("compare_sessions", "radiomics/compare_sessions.py", lambda: {"features": features(*PRESETS)},
         {"figure": str(out / "features.png"), "outliers": str(out / "outliers.tsv")}, simulated=True)  # fmt: skip
    step("widen_features", "radiomics/widen_features.py", lambda: {"features": features("yan874")},
         {"table": str(out / "features.tsv")})  # fmt: skip
    step("gather_cohort", "diagnosis/gather_cohort.py", lambda: {"features": features("yan874"), "whitelists": []},
         {"cohort": str(out / "cohort.parquet"), "left_out": str(out / "diagnosis/left_out.tsv")},
         settings={"inversion": cohort.inversion, "demographics": ["age", "sex"], "confounders": []})  # fmt: skip
    step("compute_icc", "robustness/compute_icc.py", lambda: {"features": features("fiscone107")},
         {"icc": str(folder / "icc.parquet"), "tables": tables}, settings=robust)  # fmt: skip
    step("describe_tracts", "robustness/describe_tracts.py",
         lambda: {"features": features("fiscone107"), "optimal": str(folder / "optimal_gray_level.tsv"),
                  "brain_volumes": cohort.copy_text(anatomy + "volumes.tsv"), "brain_masks": []},
         {"distributions": tracts[0], "tables": tracts[1:]}, settings=robust,
         with_t1w=[[name, "", ""] for name in cohort.names], without_t1w=[])  # fmt: skip
    step("write_fiscone2023", "robustness/write_fiscone2023.py",
         lambda: {"features": features("fiscone107"), "tables": [*tables, *tracts[1:]]},
         {"readme": str(out / "papers/README.md")}, settings=robust, simulated=True, source="copies",
         protocols=[])  # fmt: skip
    step("draw_fiscone2023", "robustness/draw_fiscone2023.py",
         lambda: [str(out / "papers/published.tsv"), *tables, *tracts], [str(out / "papers/figure2.png")],
         settings=robust, simulated=True)  # fmt: skip
    step("compare_anatomy", "anatomy/compare_anatomy.py",
         lambda: {"volumes": cohort.copy_text(anatomy + "volumes.tsv"),
                  "consistency": cohort.copy_text(anatomy + "consistency.tsv"),
                  "sidecars": cohort.copy_text("{name}/anat/{name}_anatomy.json")},
         {"table": str(out / "anatomy.tsv"), "figure": str(out / "anatomy.png")},
         sessions=cohort.names, simulated=True, left_out=[])  # fmt: skip
    maps = "{name}/anat/{name}_rec-" + cohort.inversion + "_desc-{set}_Chimap.json"
    step("write_methods", "report/write_methods.py",
         lambda: {"maps": [path for one in ("all", "3TE", "2TE", "1TE")
                           for path in cohort.copy_text(maps.replace("{set}", one))],
                  "anatomy": cohort.copy_text("{name}/anat/{name}_anatomy.json"),
                  "features": cohort.copy_text(
                      f"{{name}}/radiomics/{{name}}_rec-{cohort.inversion}_desc-fiscone107_features.json")},
         {"text": str(out / "methods.md"), "bibliography": str(out / "methods.bib")},
         sessions=cohort.size, left_out=0, papers=["fiscone2023"], simulated=True)  # fmt: skip
    step("show_cohort", "report/show_cohort.py",
         lambda: {"facts": cohort.copy_text("site/{name}/{name}.json"), "outliers": [], "pictures": [],
                  "predicted": ""},
         {"index": str(out / "index.html"), "verdicts": str(out / "site/verdicts.html"),
          "lesions": str(out / "site/lesions.html"), "data": str(out / "site/cohort.js"),
          "table": str(out / "site/cohort.tsv"), "assets": str(out / "site/assets")},
         cohort="copies", papers=[], papers_left_out=[], lacks=[], simulated=True)  # fmt: skip
    step("gather_lesions", "rims/gather_lesions.py", cohort.copy_lesions,
         {key: str(out / "rims" / file) for key, file in LESIONS.items()}
         | {"agreement": str(out / "rims/agreement.tsv"), "figure": str(out / "rims/lesions.png")})  # fmt: skip
    model = sorted(cohort.real.glob("diagnosis/models/*.json"))
    if model and ("predict" in wanted or not wanted):
        tables, scores = features("yan874"), str(out / "scores.tsv")
        steps["predict"] = {"command": ["diagnosis", "predict", str(model[0]), *tables, "--out", scores]}
        steps["predict"] |= {"input": [], "output": [], "params": {}, "wildcards": {}, "log": str(out / "predict.log")}
    people = {name: {"group": GROUPS[number % 2], "age": 30.0, "sex": "F"} for number, name in enumerate(cohort.names)}
    settings = complete_configuration({"bids_dir": "copies"})["papers"]["wang2020"]
    settings |= {"groups": list(GROUPS), "positive": GROUPS[1], "edge": 96, "epochs": 1, "input": "flair"}
    training = Training("wang2020", REFERENCE_ARM, "flair", settings["decays"][0], "nested", 0, 0, 0)
    step("gather_flair", "flair/gather_flair.py",
         lambda: {"images": cohort.make_flair(96, 128), "sidecars": cohort.of(
             "{name}/flair/{name}_desc-classifiers_FLAIR.json")},
         {"images": str(out / "cohort.npz"), "table": str(out / "flair.tsv"), "left_out": str(out / "flair_left.tsv")},
         people=people, settings=settings, left_out={})  # fmt: skip
    parts = [str(out / f"flair/{name}") for name in ("predictions.parquet", "curves.parquet", "models")]
    step("train_flair", "flair/train_flair.py", lambda: {"images": str(out / "cohort.npz")},
         {"predictions": parts[0], "curves": parts[1], "models": parts[2]},
         settings=settings, trainings=[asdict(training)], checkpoints=str(out / "checkpoints"))  # fmt: skip
    step("map_attention", "flair/map_attention.py", lambda: {"images": str(out / "cohort.npz"), "models": parts[2:]},
         {"scores": str(out / "attention.tsv"), "summary": str(out / "summary.tsv"), "maps": str(out / "maps.npz")},
         settings=settings)  # fmt: skip
    step("fit_flair", "flair/fit_flair.py",
         lambda: {"images": str(out / "cohort.npz"), "performance": cohort.write_performance()},
         {key: str(out / f"flair/fitted.{ending}") for key, ending in MODEL.items()},
         settings=settings, source="copies", simulated=True, anatomy={})  # fmt: skip
    step("pretrain_on_heads", "flair/pretrain_on_heads.py", lambda: {"images": [str(out / "cohort.npz")]},
         {key: str(out / f"flair/heads.{ending}") for key, ending in MODEL.items()}, settings=settings)  # fmt: skip
    model = sorted(cohort.real.glob("flair/models/*2*.safetensors"))
    found = [path for path in sorted(cohort.real.glob("sub-*/anat/*_segmentation")) if (path / "FLAIR.nii.gz").exists()]
    if model and found:
        folders = [str(found[number % len(found)]) for number in range(cohort.size)]
        step("predict_flair", "flair/predict_flair.py", lambda: {"model": str(model[-1]), "segmentations": folders},
             {"scores": str(out / "flair/scores.tsv"), "pages": str(out / "flair/pages")},
             sessions=[{"participant": name, "session": name, "simulated": True} for name in cohort.names])  # fmt: skip
    return steps


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("sessions", type=int, nargs="*", default=[250, 1000])
    parser.add_argument("--steps", nargs="*", default=[])
    given = parser.parse_args()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    print("| step | sessions | CPU s | MB |\n|---|---|---|---|", flush=True)
    for size in given.sessions:
        with tempfile.TemporaryDirectory() as name:
            for step, described in steps_of(Cohort(given.results, Path(name), size), given.steps).items():
                Path(name, "step.json").write_text(json.dumps(described))
                command = [sys.executable, "-c", RUN, str(Path(name, "step.json"))]
                ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
                said = ran.stderr.strip().splitlines()
                row = said[-1].split() if ran.returncode == 0 else [f"failed: {said[-1] if said else ran.returncode}"]
                print(f"| {step} | {size} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
