"""A small run of two sessions and one that was left out, as the pages read it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chiomics.core.images import write_image
from chiomics.report.methods.text import write_methods
from chiomics.report.site.cohort import show_cohort
from chiomics.report.site.figures import FIGURES
from chiomics.report.site.paper import show_paper
from chiomics.report.site.session import Session, show_session

#: Oblique voxels of 2 mm, stored from right to left.
AFFINE = np.array([[-2.0, 0.1, 0, 40], [0.1, 2.0, 0, -45], [0, 0, 2.0, -30], [0, 0, 0, 1]])
SHAPE = (40, 44, 30)
#: Where a nucleus of 0.1 ppm lies: a voxel, and its place in mm.
NUCLEUS = (25, 20, 15)
PLACE = tuple((AFFINE @ (*NUCLEUS, 1))[:3])
#: A participant as no one should be called.
HOSTILE = "sub-</script><script>document.title='ran'</script><b>1"
PAGES = {
    "index": "index.html", "verdicts": "site/verdicts.html", "lesions": "site/lesions.html", "data": "site/cohort.js",
    "table": "site/cohort.tsv", "assets": "site/assets",
}  # fmt: skip


def row_of(session: str, **facts: object) -> dict:
    """Return a line of a manifest."""
    row = {"session": session, "participant_id": session, "session_id": "", "run": "", "status": "included"}
    row |= {"reason": "", "warnings": [], "without": [], "accepted": [], "input_kind": "magnitude_phase"}
    row |= {"n_echoes": 5, "field_strength": 3.0, "shape": list(SHAPE), "voxel_size": [2.0, 2.0, 2.0], "group": "MS"}
    return row | facts


def write_session(folder: Path, session: str) -> dict:
    """Write volumes of a session and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = np.indices(SHAPE)
    brain = sum(((grid[axis] - n / 2) / (n / 2 - 4)) ** 2 for axis, n in enumerate(SHAPE)) < 1
    nucleus = sum((grid[axis] - NUCLEUS[axis]) ** 2 for axis in range(3)) <= 9
    chi = np.where(nucleus, 0.1, np.where(brain, -0.02, 0)).astype(np.float32)
    lesion = (np.abs(grid - np.array([12, 25, 18])[:, None, None, None]).max(axis=0) < 2) * 1
    volumes = {
        "chi": chi, "brain": brain, "T1w": brain * 100.0, "FLAIR": brain * 50.0 + 80.0 * lesion,
        "nuclei": nucleus * np.uint8(31), "lesions": lesion.astype(np.uint8),
    }  # fmt: skip
    paths = {}
    for name, voxels in volumes.items():
        paths[name] = str(folder / f"{session}_{name}.nii.gz")
        write_image(paths[name], voxels.astype(np.float32) if voxels.dtype.kind == "f" else voxels, AFFINE)
    paths["nuclei_table"] = str(folder / f"{session}_nuclei.tsv")
    Path(paths["nuclei_table"]).write_text("index\tname\tabbreviation\n31\tright globus pallidus\tGP_R\n")
    return paths


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    """Return the folder of results of such a run, with its pages."""
    root = tmp_path_factory.mktemp("site")
    results = root / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        facts = []
        for number, session in enumerate(("sub-01", "sub-02")):
            files = write_session(results / session, session)
            chi = {
                "FieldNoise": 0.001,
                "MapVoxels": 9000 + 100 * number,
                "ReferenceSD": 0.003,
                "ReferenceTrusted": True,
            }
            (results / session / "chi.json").write_text(json.dumps(chi))
            centre = AFFINE @ (12, 25, 18, 1)
            cells = [1, *centre[:3], 216.0, "deep", -12.0]
            (results / session / "lesions.tsv").write_text(
                "lesion\tx\ty\tz\tvolume_mm3\tplace\tchi_mean\n" + "\t".join(map(str, cells)) + "\n"
            )
            whole = Session(
                row_of(session, group=["MS", "HC"][number]), files,
                {"chi": f"results/{session}/chi.json"}, lesions=f"results/{session}/lesions.tsv",
            )  # fmt: skip
            facts.append(write_page(whole, session))
        reason = "a job failed on this input; the registration T1w to GRE failed; found overlap 0.3"
        left = Session(row_of("sub-03", status="excluded", reason=reason))
        del left.row["group"]  # as in a data set without groups
        facts.append(write_page(left, "sub-03"))
        hostile = Session(row_of(HOSTILE, status="excluded", reason=f"no phase in {HOSTILE}", group=HOSTILE))
        facts.append(write_page(hostile, "sub-04"))
        paper = results / "papers" / "some2020"
        paper.mkdir(parents=True)
        (paper / "README.md").write_text("# A study\n\n**Two** of `three`, see [the table](table1.tsv).\n")
        (paper / "table1.tsv").write_text("region\tvalue\nGP\t10\nPUT\t9\n<b>x</b>\t2\n")
        (paper / "figure1.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        show_paper(
            ["results/papers/some2020/README.md"],
            "results/site/papers/some2020.html",
            title="Some 2020",
            captions={"figure1": "what <i>stands</i> out", "table1": "regions and their values"},
            simulated=True,
        )
        write_methods(
            "results/methods.md", "results/methods.bib", maps=[], anatomy=[], features=[], sessions=2, left_out=2,
            papers=[], simulated=True,
        )  # fmt: skip
        show_cohort(
            facts, {name: f"results/{path}" for name, path in PAGES.items()}, name="a cohort",
            papers=[["some2020", "Some 2020"]], papers_left_out=["Other 1999: no <data>."], pictures=[], outliers={},
            predicted=None, lacks=["No tracts: the atlas is not at hand."], simulated=True,
        )  # fmt: skip
    return results


def write_page(session: Session, name: str) -> str:
    """Write the page of a session and return its facts."""
    stem = f"results/site/{name}/{name}"
    show_session(session, f"{stem}.html", f"{stem}.json", f"{stem}_volumes", with_volumes=True, simulated=True)
    return f"{stem}.json"


def write_many_sessions(number: int, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Write the pages of a cohort of so many sessions into the working folder; returns their places."""
    rng = np.random.default_rng(0)
    facts = []
    for place in range(number):
        folder = f"sub-{place:05d}/ses-1"
        session = folder.replace("/", "_")
        pictures = [f"qc/{folder}/{session}_{kind}.png" for kind in ("qsm", "anatomy")]
        figures = {figure.key: float(rng.normal(100, 10)) for figure in FIGURES}
        row = row_of(session, lesions=[], simulated=False, figures=figures, trusted=True)
        facts.append(row | {"page": f"site/{folder}/{session}.html", "given": {"steps": [], "pictures": pictures}})
    patch.setattr("chiomics.report.site.cohort.read_sidecar", lambda fact: fact)
    pages = {name: f"results/{path}" for name, path in PAGES.items()}
    show_cohort(
        facts, pages, name="many", papers=[], papers_left_out=[], pictures=[], outliers={}, predicted=None, lacks=[],
        simulated=False,
    )  # fmt: skip
    return pages
