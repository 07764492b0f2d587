"""A session's page and its line in the cohort's table, from the manifest's row and from what the stages left of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.files import read_sidecar, write_sidecar
from chiomics.report.site.figures import FIGURES, list_limits, read_figures
from chiomics.report.site.lesions import describe_lesions
from chiomics.report.site.pages import link_between, render
from chiomics.report.site.volumes import make_previews

#: How a reason in the manifest begins that is the operator's own.
VERDICT = "operator's verdict: "
#: A failed check names its step.
FAILED_STEP = re.compile(r"(?:the registration )?((?:brain extraction)|(?:[\w*]+ to [\w*]+)) failed")
#: Lines of a log that a page shows.
LOG_LINES = 40
#: What a reader looks at, in this order, with the image and the overlays that show it.
LOOKS = (
    ("Mask", "The outline follows the brain: no skull, no missing lobe or cerebellum.", "T1w", ("valid",)),
    ("Local field", "No bright rim along the mask, no wave through the brain: background is left.", "local_field", ()),
    ("χ map", "Globus pallidus and red nuclei bright: else the sign is wrong. No streaks.", "chi", ()),
    ("Reference", "The reference region lies in the fluid of the ventricles.", "chi", ("reference",)),
    ("R2*", "Signal where χ is bright; no dropout above the sinuses that reaches a region.", "r2star", ()),
    ("Registration", "Ventricles and cortex of the T1w lie where tissue labels say.", "T1w", ("tissue",)),
    ("Nuclei", "Each nucleus sits on what is bright in χ, left and right alike.", "chi", ("nuclei",)),
    ("Lesions", "Every outline is bright on the FLAIR, and no bright lesion lacks one.", "FLAIR", ("lesions",)),
    ("Tracts", "They run through white matter.", "T1w", ("tracts",)),
)


@dataclass(frozen=True)
class Session:
    """What a page is made from.

    Parameters
    ----------
    row : mapping
        Of the manifest.
    files : mapping
        Volumes by the keys of `chiomics.report.site.volumes`, with their tables.
    sidecars : mapping of str to path
        ``chi`` and ``anatomy``, those that there are.
    pictures, logs, benchmarks, maps : sequence of path
        Pictures of quality control; logs; measured times; full volumes to open elsewhere.
    failure : path, optional
        Record of what failed.
    lesions : path, optional
        Table of its lesions, of the rims stage.
    """

    row: Mapping
    files: Mapping[str, object] = field(default_factory=dict)
    sidecars: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[str] = ()
    logs: Sequence[str] = ()
    benchmarks: Sequence[str] = ()
    maps: Sequence[str] = ()
    failure: str | None = None
    lesions: str | None = None


def show_session(session: Session, page: str, facts: str, volumes: str, *, with_volumes: bool, simulated: bool) -> None:
    """Write a session's page, its facts for the cohort's table, and its volumes.

    Parameters
    ----------
    session : Session
        What there is of it.
    page, facts, volumes : path-like
        The page (HTML), the facts (JSON) and the folder of the volumes' scripts.
    with_volumes : bool
        Whether the page has a viewer.
    simulated : bool
        Whether the subject is simulated, which the page then says.
    """
    Path(volumes).mkdir(parents=True, exist_ok=True)
    shown = make_previews(session.files, volumes) if with_volumes else []
    sidecars = {name: read_sidecar(path) for name, path in session.sidecars.items() if path}
    row = {"group": "", **session.row}
    size = row.get("voxel_size") or [0, 0, 0]
    figures = read_figures(
        sidecars.get("chi", {}), sidecars.get("anatomy", {}), voxel_volume=float(np.prod(size))
    )  # fmt: skip
    lesions = []
    if session.lesions and session.files.get("chi"):
        picture = str(Path(volumes, "lesions.png"))
        lesions = describe_lesions(
            session.lesions, session.files["chi"], session.files.get("FLAIR") or None, picture,
            link=link_between("results/site/lesions.html", picture),
        )  # fmt: skip
    given = given_verdict(row) | {"steps": failed_steps(row, session.failure)}
    keys = {volume["key"] for volume in shown}
    base = next((volume["key"] for volume in shown if volume["kind"] == "image"), None)
    looks = [
        {"title": title, "what": what, "base": image, "overlays": [name for name in overlays if name in keys]}
        for title, what, image, overlays in LOOKS
        if image in keys and all(name in keys for name in overlays)
    ]
    root = link_between(page, "results/").rstrip("/") + "/"
    data = {
        "session": row["session"], "root": root, "given": given, "folder": link_between(page, volumes),
        "volumes": shown, "looks": looks,
    }  # fmt: skip
    anatomy, chi = sidecars.get("anatomy", {}), sidecars.get("chi", {})
    texts = {name: json.dumps(text, indent=1, ensure_ascii=False) for name, text in sidecars.items()}
    render(
        "session.html",
        page,
        data=data,
        row=row,
        simulated=simulated,
        root=root,
        looks=looks,
        images=[volume for volume in shown if volume["kind"] == "image"],
        overlays=[volume for volume in shown if volume["kind"] != "image"],
        opaque={"nuclei", "lesions"},
        base=base,
        with_volumes=with_volumes,
        figures=[(figure, figures[figure.key]) for figure in FIGURES],
        limits=list_limits(anatomy),
        trusted=chi.get("ReferenceTrusted"),
        steps=given["steps"],
        pictures=[(link_between(page, path), Path(path).stem) for path in session.pictures],
        maps=[(link_between(page, path), Path(path).name) for path in session.maps],
        sidecars=[(name, link_between(page, session.sidecars[name]), text) for name, text in texts.items()],
        logs=[(link_between(page, path), Path(path).stem, tail(path)) for path in session.logs],
        times=read_times(session.benchmarks),
    )
    write_sidecar(
        facts,
        {
            "session": row["session"], "page": link_between("results/index.html", page), "status": row["status"],
            "reason": row["reason"], "group": row.get("group") or "", "without": list(row["without"]),
            "warnings": list(row["warnings"]), "trusted": chi.get("ReferenceTrusted"),
            "figures": figures, "simulated": simulated, "lesions": lesions,
            **{key: row[key] for key in ("participant_id", "session_id", "run")},
            "given": given | {"pictures": [link_between("results/index.html", path) for path in session.pictures]},
        },
    )  # fmt: skip


def given_verdict(row: Mapping) -> dict:
    """Return what the operator's tables said of a session: they are the verdict until the reader gives another."""
    said = {"accepted": list(row["accepted"])}
    if row["reason"].startswith(VERDICT):
        said |= {"verdict": "fail", "note": row["reason"].removeprefix(VERDICT)}
    return said


def failed_steps(row: Mapping, record: str | None) -> list[str]:
    """Name the steps of a session whose check failed, or was accepted: what ``qc_accept.tsv`` can name."""
    texts = [row["reason"], *row["warnings"]]
    if record:
        texts += [entry["reason"] for entry in read_sidecar(record)["failures"]]
    return list(dict.fromkeys([*row["accepted"], *(step for text in texts for step in FAILED_STEP.findall(text))]))


def tail(path: str | Path) -> str:
    """Return the end of a log."""
    return "\n".join(Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def read_times(paths: Sequence[str]) -> list[tuple[str, float, float]]:
    """Read measured times: name of the job, seconds, and most memory in MB."""
    times = []
    for path in paths:
        table = pd.read_csv(path, sep="\t")
        if len(table):
            memory = pd.to_numeric(table["max_rss"], errors="coerce").max()
            times.append((Path(path).stem, float(table["s"].sum()), float(memory)))
    return times
