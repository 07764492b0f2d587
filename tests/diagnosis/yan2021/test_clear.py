"""The CLEAR checklist: all 58 items, filled in from the run, nothing claimed that only authors know."""

from __future__ import annotations

import pytest

from chiomics.diagnosis.yan2021.clear_checklist import COLUMNS, STATUSES, fill_checklist, summarise_checklist
from chiomics.diagnosis.yan2021.facts import study_facts
from tests.diagnosis.study import DEFINITION, small_study

#: Sections of the publication and their items.
SECTIONS = {
    "Title": 1, "Abstract": 1, "Keywords": 1, "Introduction": 3, "Study design": 6, "Data": 6, "Segmentation": 2,
    "Pre-processing": 4, "Feature extraction": 4, "Data preparation": 5, "Modeling": 4, "Evaluation": 6,
    "Results": 5, "Discussion": 4, "Open science": 6,
}  # fmt: skip
#: Ethics, study nature, overlap with other studies: no run of a workflow knows them.
AUTHORS = (8, 10, 14)


@pytest.fixture(scope="module", params=[True, False], ids=["simulated", "real"])
def checklist(request):
    study = small_study()
    facts = study_facts(study.cohort, study.settings, DEFINITION, source="tests")
    return request.param, fill_checklist(facts, simulated=request.param)


def test_all_items_in_order(checklist):
    _, table = checklist
    assert tuple(table.columns) == COLUMNS
    assert list(table["number"]) == list(range(1, 59))
    assert table.groupby("section", sort=False).size().to_dict() == SECTIONS
    assert set(table["status"]) <= set(STATUSES)


def test_nothing_is_left_open(checklist):
    _, table = checklist
    assert not table["statement"].str.contains(r"[{}]|\bnan\b|\bNone\b", regex=True).any()
    assert (table["statement"].str.len() > 0).all()


def test_what_only_authors_know(checklist):
    simulated, table = checklist
    status = table.set_index("number").loc[list(AUTHORS), "status"]
    assert (status == ("not applicable" if simulated else "not reported")).all()


def test_numbers_are_those_of_the_run(checklist):
    _, table = checklist
    said = table.set_index("number")["statement"]
    study = small_study()
    assert "47 MS, 36 NMOSD" in said[30]
    assert f"{study.settings['folds']}-fold" in said[15]
    assert "32 grey levels" in said[23]
    counted = sum(column.startswith(("DN.", "RN.")) for column in study.cohort)
    assert f"{counted // 2} per region, 2 regions" in said[27]


def test_the_summary_counts_every_item(checklist):
    _, table = checklist
    parts = summarise_checklist(table).split(", ")
    assert sum(int(part.split(" ")[0]) for part in parts) == 58
