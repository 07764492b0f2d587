"""Splits: who is tested has taught nothing, and published designs are as published."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.errors import InputError, SettingError
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.settings import check_settings
from chiomics.flair.study.cohort import choose_sessions
from chiomics.flair.study.needs import why_too_few
from chiomics.flair.study.networks.training import labels_of, split_of
from chiomics.flair.study.splits import draw_test, seok_splits, size_of_test, wang_splits
from chiomics.flair.study.trainings import Training, list_seok_trainings, list_wang_trainings, runs_of_wang
from tests.flair.prepared import SEOK, WANG, small_cohort


def wang_labels() -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([0, 1], [47, 41]), np.arange(88)


def test_published_folds_are_equal_random_parts_that_select_and_report() -> None:
    y, participants = wang_labels()
    shares = []
    for repeat in range(15):
        splits = wang_splits(y, participants, scheme="as_published", folds=5, repeat=repeat, seed=1)
        assert sorted(np.concatenate([split.test for split in splits])) == list(range(88))
        assert {len(split.test) for split in splits} == {17, 18}
        for split in splits:
            assert np.array_equal(split.select, split.test)
            assert not set(split.train) & set(split.test)
            shares.append(y[split.test].mean())
    # Stratified folds of 17 or 18 would keep within a case of 41/88; random ones do not.
    assert max(abs(share - 41 / 88) for share in shares) > 0.1


def test_nested_folds_keep_patients_together_and_select_apart() -> None:
    y = np.repeat([0, 1], [60, 40])
    participants = np.repeat(np.arange(50), 2)
    for split in wang_splits(y, participants, scheme="nested", folds=5, repeat=3, seed=1):
        parts = [set(participants[rows]) for rows in (split.train, split.select, split.test)]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
        assert sum(map(len, (split.train, split.select, split.test))) == 100
        assert abs(y[split.test].mean() - 0.4) <= 0.1


def test_repeats_differ_and_come_again() -> None:
    y, participants = wang_labels()
    common = {"scheme": "nested", "folds": 5, "seed": 1}
    first, again, other = (wang_splits(y, participants, repeat=repeat, **common) for repeat in (0, 0, 1))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))


def seok_cohort() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As published: 86 MS patients, 34 of them with one scan, 199 scans; 70 NMOSD, 46 with one, 109 scans."""
    counts = np.concatenate([np.ones(34), np.full(43, 3), np.full(9, 4), np.ones(46), np.full(9, 2), np.full(15, 3)])
    counts = counts.astype(int)
    y = np.repeat(np.repeat([1, 0], [86, 70]), counts)
    participants = np.repeat(np.arange(156), counts)
    return y, participants, np.arange(len(y)).astype(str)


def test_seok_tests_patients_without_follow_up() -> None:
    y, participants, sessions = seok_cohort()
    assert (y == 1).sum() == 199
    assert (y == 0).sum() == 109
    single = {p for p in range(156) if (participants == p).sum() == 1}
    assert len(single) == 80
    drawn = set()
    for repeat in range(20):
        test = draw_test(y, participants, sessions, per_class=15, repeat=repeat, seed=1)
        assert y[test].sum() == 15
        assert len(test) == 30
        assert set(participants[test]) <= single
        drawn |= set(test.tolist())
        for split in seok_splits(y, participants, test, folds=5, repeat=repeat, seed=1):
            assert not set(participants[split.train]) & set(participants[test])
            assert not set(participants[split.train]) & set(participants[split.select])
            assert len(split.train) + len(split.select) == len(y) - 30
    assert len(drawn) > 60


def test_small_cohorts_test_a_third_of_the_smaller_class() -> None:
    y, participants = np.repeat([0, 1], [20, 12]), np.arange(32)
    assert size_of_test(y, participants, per_class=15) == 4
    with pytest.raises(SettingError, match="without follow-up"):
        size_of_test(y, np.repeat(np.arange(16), 2), per_class=15)


def test_permuted_labels_keep_patients_and_counts() -> None:
    prepared = small_cohort(20, follow_up=8)
    training = Training("seok2023", "seok", "lesions", 1.0, "as_published", 1, 0, 0)
    true = labels_of(prepared, SEOK, training.__class__(**training.record() | {"labels": 0}))
    permuted = labels_of(prepared, SEOK, training)
    assert not np.array_equal(true, permuted)
    assert prepared.table.assign(y=permuted).groupby("participant")["y"].nunique().max() == 1
    split = split_of(prepared, permuted, SEOK, training)
    assert permuted[split.test].mean() == 0.5


def test_number_of_trainings_is_the_published_one() -> None:
    published = WANG | {
        "arms": ["3d-18", "3d-34", "2v-18", "2v-34", "2v-18-imagenet", "2v-34-imagenet"], "repeats": 15,
        "pretrained": {"18": "a", "34": "b"},
    }  # fmt: skip
    main = [one for one in list_wang_trainings(published) if one.scheme == "as_published" and one.labels == 0]
    main = [one for one in main if one.input == "lesions" and one.decay == 0.9]
    assert len(main) == 6 * 75
    assert len(list(list_seok_trainings(SEOK | {"tests": 100, "permutations": 0}))) == 500
    assert runs_of_wang(WANG) == ["3d-18", "2v-18"]
    with pytest.raises(SettingError, match="unknown arms"):
        list_wang_trainings(WANG | {"arms": ["4d-18"]})


def test_study_takes_its_groups_with_lesions() -> None:
    prepared = small_cohort(8)
    prepared.table.loc[[0, 9], "lesion_count"] = 0.0
    prepared.table.loc[3, "group"] = "HC"
    found = choose_sessions(prepared, "wang2020", WANG)
    assert len(found.table) == 13
    assert len(found.images["wang_flair"]) == 13
    assert len(choose_sessions(prepared, "seok2023", SEOK).table) == 15
    with pytest.raises(InputError, match="1 participants of group NMOSD with lesions, 5 folds need as many"):
        choose_sessions(prepared.take(np.arange(10)), "wang2020", WANG)
    prepared.table.loc[15, "participant"] = prepared.table.loc[1, "participant"]
    with pytest.raises(InputError, match="in both groups"):
        choose_sessions(prepared, "wang2020", WANG)
    with pytest.raises(InputError, match="not one session"):
        choose_sessions(Prepared.empty(edge=24, pixels=32), "wang2020", WANG)


def cohort_of(**sizes: int) -> tuple[list[str], list[str]]:
    """Return group and patient of one session per patient."""
    rows = [(group, f"{group}{number}") for group, size in sizes.items() for number in range(size)]
    return [group for group, _ in rows], [name for _, name in rows]


@pytest.mark.parametrize(
    ("study", "cohort", "said"),
    [
        ("wang2020", cohort_of(MS=5, NMOSD=5), ""),
        ("wang2020", cohort_of(MS=12), "0 participants of group NMOSD here, 5 folds need as many"),
        ("wang2020", cohort_of(ms=12, NMO=9), "other groups there: ms (12), NMO (9); papers.wang2020.groups names"),
        ("seok2023", cohort_of(MS=5, NMOSD=5), "without the 1 of a test draw 5 folds need as many"),
        ("seok2023", cohort_of(MS=7, NMOSD=7), ""),
        (
            "seok2023",
            tuple(2 * part for part in cohort_of(MS=9, NMOSD=9)),
            "0 participants of group MS here have one session alone",
        ),
    ],
)
def test_what_a_cohort_lacks_is_said_before_anything_runs_and_else_all_splits_exist(study, cohort, said) -> None:
    settings = {"wang2020": WANG, "seok2023": SEOK}[study]
    why = why_too_few(study, settings, *cohort, what="here")
    assert said in why
    assert bool(said) == bool(why)
    if not said:
        y, people = np.array([group == "MS" for group in cohort[0]]).astype(int), np.array(cohort[1])
        for repeat in range(3):
            common = {"folds": settings["folds"], "repeat": repeat, "seed": 1}
            if study == "wang2020":
                splits = wang_splits(y, people, scheme="nested", **common)
            else:
                test = draw_test(y, people, people, per_class=15, repeat=repeat, seed=1)
                splits = seok_splits(y, people, test, **common)
            for split in splits:
                for part in (split.train, split.select):
                    assert len(part)
                assert len(np.unique(y[split.train])) == 2


def test_contradictory_settings_are_refused() -> None:
    def check(wang: dict | None = None, seok: dict | None = None) -> None:
        check_settings(WANG | (wang or {}), SEOK | (seok or {}))

    with pytest.raises(SettingError, match="positive; found NMOSD; expected ms or NMO"):
        check({"groups": ["ms", "NMO"]})
    with pytest.raises(SettingError, match="groups; found MS, MS"):
        check(seok={"groups": ["MS", "MS"]})
    with pytest.raises(SettingError, match="arms lacks 2v-18"):
        check({"arms": ["3d-18"]})
    with pytest.raises(SettingError, match="fit the published widths alone"):
        check({"pretrained": {"18": "resnet18.pth"}})
    check({"pretrained": {"18": "resnet18.pth"}, "widths": [64, 128, 256, 512]})
    check(seok={"groups": ["MS", "MOGAD"]})
