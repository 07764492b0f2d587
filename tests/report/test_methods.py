"""The methods of a run say what its sidecars say, cite what was used and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from chiomics.qsm.settings import Inversion
from chiomics.report.methods.bibliography import read_references
from chiomics.report.methods.text import INVERSIONS, STUDIES, write_methods

CHAIN = {"unwrap": "quality", "combine": "fit", "background": "pdf", "threshold": 0.0625}
MAP = {
    "EchoSet": "all", "Echoes": [1, 2, 3], "InputKind": "magnitude_phase", "MagneticFieldStrength": 3.0,
    "EchoTimes": [0.005, 0.01, 0.015], "PhaseChain": "default", "PhaseChainParameters": CHAIN,
    "BackgroundRemoval": "pdf", "BrainMaskSource": "sub-01/anat/sub-01_desc-brain_mask.nii.gz", "Inversion": "tv",
    "InversionParameters": {"regularisation": 0.0123}, "DataWeights": True, "Reference": "csf",
    "ReferenceTrusted": True,
    "StageVersion": "7",
    "GeneratedBy": [{"Name": "chiomics", "Version": "9.8.7+gabc"}],
}  # fmt: skip


def written(folder, maps, anatomy=(), papers=()):
    paths = []
    for number, fields in enumerate([*maps, *anatomy]):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(json.dumps(fields))
    texts = []
    for order in (paths[: len(maps)], paths[: len(maps)][::-1]):
        text, bibliography = folder / "methods.md", folder / "methods.bib"
        write_methods(
            text, bibliography, maps=order, anatomy=paths[len(maps) :], features=[], sessions=len(maps), left_out=1,
            papers=papers, simulated=False,
        )  # fmt: skip
        texts.append((text.read_text(), bibliography.read_text()))
    assert texts[0] == texts[1], "the order of the files must not matter"
    return texts[0]


def test_what_the_sidecars_say_stands_there_and_names_of_files_do_not(tmp_path):
    text, _ = written(tmp_path, [MAP, MAP | {"Inversion": "tkd", "InversionParameters": {"threshold": 0.19}}])
    for said in (
        "9.8.7+gabc",
        "0.0625",
        "0.0123",
        "0.19",
        "5, 10, 15 ms",
        "3.0 T",
        "qsm 7",
        "echo 1, 2, 3",
        "1 left out",
    ):
        assert said in text, said
    assert "the user's own mask" in text
    assert "sub-01" not in text and str(tmp_path) not in text


def test_of_one_phase_difference_nothing_was_combined(tmp_path):
    difference = MAP | {"InputKind": "phase_difference", "EchoTimes": [0.00246]}
    text, bibliography = written(tmp_path, [difference])
    assert "Input: phase difference of gradient echoes" in text
    assert "Phase was unwrapped by a quality-guided algorithm" in text
    assert "combined" not in text and "robinson2017" not in bibliography
    assert "Echoes were combined by a weighted linear fit" in written(tmp_path, [MAP])[0]


def test_lesions_that_nobody_looked_for_are_not_none(tmp_path):
    text, _ = written(tmp_path, [MAP], anatomy=[{"Segmentation": {"Lesions": {"Source": "none"}}}])
    assert "Lesions: not known" in text


@pytest.mark.parametrize("inversion", INVERSIONS)
def test_of_the_inversions_that_which_was_used_is_cited_alone(tmp_path, inversion):
    text, bibliography = written(tmp_path, [MAP | {"Inversion": inversion}])
    cited = set(re.findall(r"^@article{(\w+),", bibliography, flags=re.MULTILINE))
    assert set(INVERSIONS[inversion][1]) <= cited
    others = {key for name, (_, keys) in INVERSIONS.items() if name != inversion for key in keys}
    assert not (others - set(INVERSIONS[inversion][1]) - {"liu2018"}) & cited  # MEDI+0 is the reference's paper too
    for key in cited:
        assert read_references()[key]["short"] in text.split("## References")[0]
    assert len(text.split("## References")[1].strip().splitlines()) == len(cited)


def test_every_reference_has_a_doi_of_its_own_that_fits_its_place(tmp_path):
    dois = {key: one["doi"] for key, one in read_references().items()}
    assert len(set(dois.values())) == len(dois)
    for key, one in read_references().items():
        assert re.fullmatch(r"10\.\d{4,5}/[\w./()-]+", one["doi"]), key
        page = one["pages"].partition("--")[0]
        if one["doi"].startswith("10.1364/"):  # the society's DOIs hold journal, volume and page
            assert one["doi"].endswith(f".{one['volume']}.{int(page):06d}"), key
        if re.fullmatch(r"10\.(3389|1016/j\.nicl)\b.*", one["doi"]):  # and these the article's number
            assert one["doi"].endswith(f".{page}"), key
    text, bibliography = written(tmp_path, [MAP])
    assert f"<https://doi.org/{dois['robinson2017']}>" in text
    assert f"doi = {{{dois['robinson2017']}}}" in bibliography


def test_every_inversion_has_its_papers_and_every_entry_of_the_bibliography_closes(tmp_path):
    assert set(INVERSIONS) == set(Inversion.__args__)
    lesions = {"Lesions": {"Source": "lesions.nii.gz"}, "Tissue": {"Source": "T1w", "Settings": {"method": "em"}}}
    anatomy = {"Segmentation": lesions | {"AnatomicalImage": "T1w", "Registrations": {"T1w to GRE": {}}}}
    anatomy["Tracts"] = {"TractRoute": "diffusion (MRtrix3)"}
    text, bibliography = written(tmp_path, [MAP], [anatomy], STUDIES)
    assert "Lesions: the user's own" in text
    for key in ("mrtrix", "zhang2001", "n4", *STUDIES):
        assert f"@article{{{key}," in bibliography
    for entry in bibliography.split("\n\n"):
        assert entry.count("{") == entry.count("}")
        assert "= {}" not in entry and "year = {" in entry
