"""The methods paragraphs of a run, ready for a manuscript, from what its sidecars say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from chiomics.core.files import write_text
from chiomics.core.origin import say_origin
from chiomics.core.provenance import find_versions
from chiomics.report.methods.bibliography import Citations, list_references, write_bibtex
from chiomics.report.methods.facts import Facts, read_anatomy_facts, read_feature_facts, read_map_facts

HOW_WRITTEN = (
    "Written from the sidecars of this run: versions and parameters are those that were used; where several were, `in` "
    "says in how many files. The text may be copied; `methods.bib` has the references."
)
#: Distributions by module, whose versions are named where this job's environment has them.
LIBRARIES = {"numpy": "numpy", "scipy": "scipy", "nibabel": "nibabel", "snakemake": "snakemake", "antspyx": "ants"}
LIBRARIES |= {"scikit-learn": "sklearn", "torch": "torch"}
#: By parameter of the phase chain and its value: words, and what to cite.
#: What the source of lesions is called where nobody looked for them.
NO_LESIONS = "not known (no FLAIR and no mask of their own)"
#: Kinds of input as a text says them.
KINDS = {
    "magnitude_phase": "magnitude and phase",
    "real_imaginary": "real and imaginary part",
    "phase_difference": "phase difference",
    "field_map": "field map in Hz",
}
PHASE = {
    ("unwrap", "quality"): ("a quality-guided algorithm", ("dymerska2021", "abdulrahman2007")),
    ("unwrap", "cosine"): ("the Laplacian in cosine transforms", ("ghiglia1994",)),
    ("unwrap", "fourier"): ("the Laplacian in Fourier transforms", ("schofield2003",)),
    ("combine", "fit"): ("a weighted linear fit of phase over echo time, with the phase offset", ("robinson2017",)),
    ("combine", "average"): ("a weighted average of the echoes", ("biondetti2022",)),
}
BACKGROUND = {
    "pdf": ("projection onto dipole fields with preconditioned sources", ("liu2011", "liu2017")),
    "vsharp": ("V-SHARP", ("li2011", "wu2012")),
}
INVERSIONS = {
    "ilsqr": ("iLSQR", ("li2015",)),
    "star": ("STAR-QSM", ("wei2015",)),
    "tv": ("total variation", ("bilgic2014", "milovic2018")),
    "medi": ("MEDI", ("liu2013", "liu2018")),
    "l1": ("total variation with an L1 data term", ("milovic2022",)),
    "tkd": ("thresholded k-space division", ("shmueli2009", "schweser2013")),
    "l2": ("L2 regularisation in closed form", ("bilgic2014",)),
}
REFERENCES = {
    "csf": ("the mean of the fluid in the ventricles", ("liu2018",)),
    "whole_brain": ("the mean of the whole brain", ()),
    "none": ("nothing: the maps are not referenced", ()),
}
#: Keys of papers are keys of references too.
STUDIES = ("fiscone2023", "yan2021", "zhang2022", "wang2020", "seok2023")


def write_methods(
    text: str | Path,
    bibliography: str | Path,
    *,
    maps: Sequence[str | Path],
    anatomy: Sequence[str | Path],
    features: Sequence[str | Path],
    sessions: int,
    left_out: int,
    papers: Iterable[str],
    simulated: bool | str,
) -> None:
    """Write what was done in a run, and the papers to cite.

    Parameters
    ----------
    text, bibliography : path-like
        Markdown and BibTeX to write.
    maps, anatomy, features : sequence of path-like
        Sidecars of susceptibility maps, of sessions' regions, and of tables of features.
    sessions, left_out : int
        How many sessions the manifest includes, and how many not.
    papers : iterable of str
        Keys of the studies that the run made.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them.

    Notes
    -----
    The same sidecars give the same bytes: no time and no name of this machine is in it.
    """
    cite = Citations()
    of_maps, of_anatomy, of_features = read_map_facts(maps), read_anatomy_facts(anatomy), read_feature_facts(features)
    parts = [
        ("Data", _data(of_maps, sessions, left_out, cite)),
        ("Susceptibility maps", _maps(of_maps, cite) if maps else ""),
        ("Regions", _regions(of_anatomy, cite) if anatomy else ""),
        ("Features", _features(of_features, cite) if features else ""),
        ("Studies", _studies(papers, cite)),
        ("Software", _software(of_maps, of_anatomy, of_features, cite)),
    ]
    lines = ["# Methods", "", say_origin(simulated=simulated), ""]
    lines += [HOW_WRITTEN, ""]
    for title, said in parts:
        lines += [f"## {title}", "", said, ""] if said else []
    lines += ["## References", "", *list_references(cite.keys), ""]
    write_text(text, "\n".join(lines))
    write_text(bibliography, write_bibtex(cite.keys))


def _data(maps: Facts, sessions: int, left_out: int, cite: Citations) -> str:
    number = f"{sessions + left_out} session" + "s" * (sessions + left_out != 1)
    said = (
        f"The BIDS data set {cite('bids')} held {number}, of which {sessions} {'was' if sessions == 1 else 'were'} used"
    )
    said += f" and {left_out} left out (`manifest.tsv` says why)." if left_out else "."
    kind = maps.say("InputKind")
    for key, words in KINDS.items():
        kind = kind.replace(key, words)
    strength = maps.say("MagneticFieldStrength", unit=" T")
    if not kind:
        return said
    times = maps.values("EchoTimes")
    echoes = ", ".join(f"{1000 * float(time):g}" for time in json.loads(times[0])) if times else ""
    several = f" (the commonest of {len(times)} sets)" if len(times) > 1 else ""
    return said + f" Input: {kind} of gradient echoes at {strength}, echo times {echoes} ms{several}."


def _maps(maps: Facts, cite: Citations) -> str:
    chain = maps.objects("PhaseChainParameters")
    unwrapped, combined = (
        [PHASE[name, value] for value in maps.values(name) if (name, value) in PHASE] for name in ("unwrap", "combine")
    )
    said = [f"The brain mask: {maps.say('BrainMaskSource')}."] if maps.values("BrainMaskSource") else []
    said += [f"Phase was unwrapped by {_list(unwrapped, cite)}."] if unwrapped else []
    said += [f"Echoes were combined by {_list(combined, cite)}."] if combined else []
    if "true" in maps.values("BipolarCorrection"):
        said.append("The phase difference between odd and even echoes was removed where there was one.")
    background = [BACKGROUND[name] for name in maps.values("BackgroundRemoval") if name in BACKGROUND]
    if background:
        said.append(f"Background fields were removed by {_list(background, cite)}.")
    for value in chain[:1]:
        said.append(f"Parameters of these steps (preset {maps.say('PhaseChain')}): {_parameters(value)}.")
    if len(chain) > 1:
        said.append(f"{len(chain)} sets of parameters were used; those are the commonest, each sidecar has its own.")
    for name in maps.values("Inversion"):
        words, keys = INVERSIONS[name]
        settings = maps.objects(f"Parameters {name}")
        given = f" ({_parameters(settings[0])})" if settings and settings[0] else ""
        said.append(f"The dipole inversion {cite('marques2005')} was {words} {cite(*keys)}{given}.")
    if "true" in maps.values("DataWeights"):
        said.append("Data were weighted by the inverse standard deviation of the field.")
    said.append(f"Maps were made of these echoes: {'; '.join(maps.values('EchoSet'))}.")
    for name in maps.values("Reference"):
        words, keys = REFERENCES[name]
        trusted, count = maps.counts["ReferenceTrusted"]["true"], sum(maps.counts["Reference"].values())
        said.append(f"Zero is {words}{' ' + cite(*keys) if keys else ''}, trusted in {trusted} of {count} maps.")
    return " ".join(said)


def _regions(anatomy: Facts, cite: Citations) -> str:
    registered = ", ".join(sorted(anatomy.values("Registrations")))
    said = [
        f"Images were registered with ANTs {cite('ants', 'antsx')}: {registered}; the brain of the anatomical image "
        f"({anatomy.say('AnatomicalImage')}) was found by: {anatomy.say('BrainExtraction')}."
    ]
    corrected = "T1w" in anatomy.values("AnatomicalImage")
    said += [f"Bias fields were corrected {cite('n4')}."] if corrected else []
    tissue = anatomy.objects("Tissue settings")
    if tissue:
        by = f" {cite('zhang2001')}" if tissue[0].get("method") == "em" else ""
        said.append(f"Tissue was segmented on {anatomy.say('Tissue')}{by} ({_parameters(tissue[0])}).")
    elif anatomy.values("Tissue"):
        said.append(f"Tissue: {anatomy.say('Tissue')}.")
    lesions = anatomy.objects("Lesions settings")
    said.append(
        f"Lesions: {anatomy.say('Lesions').replace('none', NO_LESIONS)}"
        + (f" ({_parameters(lesions[0])})." if lesions else ".")
    )
    for name, word in (("Nuclei", "Deep grey nuclei"), ("Tracts", "Tracts")):
        route = anatomy.say(name)
        if not route:
            continue
        atlas = f" {anatomy.say('Tract atlas')}" if name == "Tracts" and anatomy.values("Tract atlas") else ""
        by_mrtrix = f" {cite('mrtrix')}" if "MRtrix3" in route else ""
        source = "; ".join(anatomy.values(f"{name} citation"))
        said.append(f"{word}: {route}{atlas}{by_mrtrix}{f' ({source})' if source else ''}.")
    return " ".join(said)


def _features(features: Facts, cite: Citations) -> str:
    said = [f"Radiomic features carry the names and definitions of pyradiomics {cite('pyradiomics')}"]
    said[0] += f", computed by the engine {features.say('Engine')}."
    for name in sorted(features.values("Preset")):
        settings = features.objects(f"Preset {name}")[0]
        said.append(f"Preset {name}: {_parameters(settings) or 'its defaults'}.")
    return " ".join(said)


def _studies(papers: Iterable[str], cite: Citations) -> str:
    made = [key for key in STUDIES if key in set(papers)]
    if not made:
        return ""
    said = "; ".join(f"{cite(key)[1:-1]} (`results/papers/{key}`)" for key in made)
    return (
        f"These studies were repeated, as published and without their leaks, with departures in their READMEs: {said}."
    )


def _software(maps: Facts, anatomy: Facts, features: Facts, cite: Citations) -> str:
    versions = [*dict.fromkeys([*maps.values("Version"), *features.values("Version")])]
    stages = [
        f"{name} {facts.say('StageVersion')}"
        for name, facts in (("qsm", maps), ("anatomy", anatomy), ("radiomics", features))
        if facts.values("StageVersion")
    ]
    said = f"chiomics {', '.join(versions)}" if versions else "chiomics"
    said += f" (versions of stages: {'; '.join(stages)})" if stages else ""
    at_hand = [name for name, module in LIBRARIES.items() if find_spec(module)]
    found = {name: version for name, version in find_versions(*at_hand).items() if name != "chiomics"}
    libraries = ", ".join(f"{name} {version}" for name, version in found.items())
    return f"{said}, run by Snakemake {cite('snakemake')}. This file was written with {libraries}."


def _each(objects: Iterable[Mapping], name: str) -> list[str]:
    return [*dict.fromkeys(one[name] for one in objects if name in one)]


def _list(used: Iterable[tuple[str, Sequence[str]]], cite: Citations) -> str:
    return ", and ".join(f"{words} {cite(*keys)}" for words, keys in used)


def _parameters(settings: Mapping) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items())


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
