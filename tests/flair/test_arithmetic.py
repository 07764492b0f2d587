"""The papers' own numbers, recomputed: what they imply, and where they contradict themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chiomics.core.papers import read_departures, read_published
from chiomics.flair.study.demographics import compare_counts, compare_moments, describe_cohort
from chiomics.flair.study.performance import intervals_of_draws, pooled_accuracy, score_sessions, summarise
from chiomics.flair.study.splits import wang_splits
from tests.flair.prepared import SEOK, WANG


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "as_nmosd", "as_ms"),
    [(0.707, 0.759, 0.735, 0.731), (0.708, 0.719, 0.714, 0.713)],
)
def test_published_accuracies_of_wang_are_not_pooled(sensitivity, specificity, as_nmosd, as_ms) -> None:
    """Abstract: .75 with .707 and .759, .725 with .708 and .719; 41 NMOSD, 47 MS."""
    found = pooled_accuracy(sensitivity, specificity, 41, 47), pooled_accuracy(sensitivity, specificity, 47, 41)
    assert found == pytest.approx((as_nmosd, as_ms), abs=5e-4)
    printed = (
        read_published("chiomics.flair.wang2020", "table2").set_index("arm").loc[["2v-34-imagenet", "2v-18-imagenet"]]
    )
    row = printed[printed["sensitivity"] == sensitivity].iloc[0]
    assert row["accuracy"] > max(found) + 0.005
    # Pooled over patients, an accuracy lies between the two; .725 does not.
    if sensitivity == 0.708:
        assert not sensitivity <= row["accuracy"] <= specificity


def test_only_means_over_unequal_folds_leave_the_interval() -> None:
    """A pooled accuracy lies between sensitivity and specificity whatever the scores; a mean over folds need not."""
    y, outside = np.repeat([0, 1], [47, 41]), 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.random(88) * 0.7 + 0.3 * y  # both shares are 5/7
        rows = []
        for fold, split in enumerate(
            wang_splits(y, np.arange(88), scheme="as_published", folds=5, repeat=seed, seed=1)
        ):
            rows.append(pd.DataFrame({"y": y[split.test], "p": p[split.test], "fold": fold, "participant": split.test}))
        table = pd.concat(rows).assign(
            study="wang2020",
            arm="a",
            input="flair",
            decay=1.0,
            scheme="s",
            labels=0,
            epoch="last",
            repeat=0,
            session="",
        )
        found = summarise(table, draws=2, seed=1).set_index("metric")
        low, high = sorted([found.loc["sensitivity", "pooled"], found.loc["specificity", "pooled"]])
        assert low - 1e-9 <= found.loc["accuracy", "pooled"] <= high + 1e-9
        low, high = sorted([found.loc["sensitivity", "fold_mean"], found.loc["specificity", "fold_mean"]])
        outside += not low <= found.loc["accuracy", "fold_mean"] <= high
    assert outside > 0


def test_p_of_sex_in_seok_is_yates() -> None:
    found = compare_counts([[62, 24], [60, 10]])
    assert found["yates"] == pytest.approx(0.0637, abs=5e-5)
    assert found["chi_square"] == pytest.approx(0.040, abs=5e-4)
    assert found["fisher"] == pytest.approx(0.051, abs=5e-4)
    assert read_published("chiomics.flair.seok2023", "table1").set_index("variable").loc["female", "p"] == "0.063"


def test_other_p_values_of_seok() -> None:
    assert compare_counts([[44, 155], [34, 75]])["yates"] == pytest.approx(0.1062, abs=5e-5)
    assert compare_counts([[86, 113], [70, 39]])["yates"] < 0.001
    assert compare_counts([[0, 86], [66, 4]])["yates"] < 0.001
    assert compare_moments((35.0, 9.9, 86), (43.9, 12.6, 70)) == pytest.approx(2e-6, abs=1e-6)
    # Duration: printed p is .020, and a t test of the printed moments gives another.
    assert compare_moments((5.8, 5.3, 199), (4.8, 5.4, 109)) == pytest.approx(0.117, abs=1e-3)


def test_percentages_of_seok() -> None:
    table = read_published("chiomics.flair.seok2023", "table1").set_index("variable")
    scans, ms, nmosd = table.loc["sessions"], table["MS"], table["NMOSD"]
    percent = {
        "female": (ms, 86, 72.1), "follow-up sessions": (ms, 199, 56.8), "scans in remission": (ms, 199, 77.9),
        "scans in acute relapse": (nmosd, 109, 31.2), "normal MRI": (nmosd, 109, 19.3),
        "non-specific brain lesions": (nmosd, 109, 34.9), "longitudinal corticospinal tract lesion": (nmosd, 109, 10.1),
        "extensive hemispheric lesion": (nmosd, 109, 14.7), "periependymal lesion": (nmosd, 109, 38.5),
        "cervicomedullary lesion": (nmosd, 109, 5.5), "Barkhof criteria fulfilled": (ms, 199, 82.4),
        "T1 enhancing lesion (of 198)": (ms, 198, 19.2),
    }  # fmt: skip
    for name, (column, n, printed) in percent.items():
        assert 100 * column[name] / n == pytest.approx(printed, abs=0.051), name
    assert scans["NMOSD"] == 21 + 38 + 50
    # "68.8 % of scans in remission" of the limitations is NMOSD alone.
    assert pytest.approx(68.8, abs=0.05) == 100 * 75 / 109
    assert pytest.approx(74.7, abs=0.05) == 100 * (155 + 75) / 308


def test_pooled_duration_of_seok() -> None:
    """Text: 5.4 ± 5.4 years over 308 scans; from the groups 5.45 ± 5.35."""
    n, means, sds = np.array([199, 109]), np.array([5.8, 4.8]), np.array([5.3, 5.4])
    mean = (n * means).sum() / n.sum()
    variance = (((n - 1) * sds**2).sum() + (n * (means - mean) ** 2).sum()) / (n.sum() - 1)
    assert mean == pytest.approx(5.45, abs=0.01)
    assert np.sqrt(variance) == pytest.approx(5.35, abs=0.01)


def test_intervals_of_seok_are_those_of_a_mean() -> None:
    """±1.96 SD / 10: the SD of a draw that follows is far above what 30 patients give by chance, or as high."""
    table = read_published("chiomics.flair.seok2023", "table2").set_index("metric")
    sd = {name: (row["high"] - row["low"]) / 2 / 1.96 * 10 for name, row in table.iterrows()}
    assert [100 * sd[name] for name in ("accuracy", "sensitivity", "specificity")] == pytest.approx(
        [6.6, 15.1, 13.8], abs=0.06
    )
    # Binomial SD of 30 and of 15 patients.
    binomial = {name: np.sqrt(table.loc[name, "mean"] * (1 - table.loc[name, "mean"]) / n) for name, n in
                (("accuracy", 30), ("sensitivity", 15), ("specificity", 15))}  # fmt: skip
    assert [100 * value for value in binomial.values()] == pytest.approx([7.8, 10.8, 11.2], abs=0.06)
    assert table.loc["accuracy", "mean"] == pytest.approx(
        (table.loc["sensitivity", "mean"] + table.loc["specificity", "mean"]) / 2, abs=6e-4
    )


def test_ppv_and_npv_of_seok_are_means_of_ratios() -> None:
    table = read_published("chiomics.flair.seok2023", "table2").set_index("metric")["mean"]
    ppv = table["sensitivity"] / (table["sensitivity"] + 1 - table["specificity"])
    npv = table["specificity"] / (table["specificity"] + 1 - table["sensitivity"])
    assert (ppv, npv) == pytest.approx((0.754, 0.767), abs=5e-4)
    # A spread of sensitivity and specificity between draws raises the mean of ratios above the ratio of means.
    rng = np.random.default_rng(0)
    draws = np.clip(rng.normal([0.773, 0.748], [0.151, 0.138], (20_000, 2)), 0.05, 1)
    ratios = draws[:, 0] / (draws[:, 0] + 1 - draws[:, 1])
    assert ratios.mean() > draws[:, 0].mean() / (draws[:, 0].mean() + 1 - draws[:, 1].mean()) + 0.005


def test_published_interval_shrinks_and_the_corrected_does_not() -> None:
    rng = np.random.default_rng(1)
    few, many = (intervals_of_draws(rng.normal(0.76, 0.07, n), n_test=30, n_train=278) for n in (25, 2500))
    width = {name: (few[f"{name}_high"] - few[f"{name}_low"], many[f"{name}_high"] - many[f"{name}_low"])
             for name in ("published", "corrected")}  # fmt: skip
    assert width["published"][1] < 0.15 * width["published"][0]
    assert width["corrected"][1] > 0.6 * width["corrected"][0]
    # Nadeau and Bengio (2003), eq. for the corrected resampled t test.
    values = np.array([0.7, 0.8, 0.75, 0.9])
    found = intervals_of_draws(values, n_test=30, n_train=270)
    half = stats.t.ppf(0.975, 3) * values.std(ddof=1) * np.sqrt(1 / 4 + 1 / 9)
    assert found["corrected_high"] - found["mean"] == pytest.approx(half)


def test_scores_against_scikit_learn() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 60)
    p = np.round(rng.random(60), 1) * 0.7 + 0.2 * y
    found, called = score_sessions(y, p), p >= 0.5
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, called))
    assert found["sensitivity"] == pytest.approx(metrics.recall_score(y, called))
    assert found["specificity"] == pytest.approx(metrics.recall_score(y, called, pos_label=0))
    assert found["ppv"] == pytest.approx(metrics.precision_score(y, called))
    assert found["npv"] == pytest.approx(metrics.precision_score(y, called, pos_label=0))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert np.isnan(score_sessions(np.ones(4), np.ones(4))["auc"])


def test_departures_are_filled_from_the_settings() -> None:
    wang = read_departures("chiomics.flair.wang2020", WANG)
    seok = read_departures("chiomics.flair.seok2023", SEOK | {"test": 15})
    for table in (wang, seok):
        assert not table["here"].str.contains("{", regex=False).any()
        assert table.notna().all(axis=None)
    assert "15 + 15" in " ".join(seok["here"])


def test_description_tests_patients_and_scans() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "participant": [f"p{n // 2}" for n in range(40)],
            "group": ["MS"] * 20 + ["NMOSD"] * 20,
            "sex": list("FFFFMMMM") * 5,
            "disease_duration": rng.gamma(2, 3, 40),
        }
    )
    found = describe_cohort(table, ["MS", "NMOSD"])
    counts = found.set_index("variable")
    assert counts.loc["patients", "MS"] == 10
    assert counts.loc["follow-up sessions", "NMOSD"] == 10
    duration = found[(found["variable"] == "disease duration, years") & (found["statistic"] == "mean")]
    assert duration["unit"].tolist() == ["patients", "scans"]
    scans = table.groupby("group")["disease_duration"].apply(list)
    expected = stats.mannwhitneyu(scans["MS"], scans["NMOSD"]).pvalue
    assert duration["mann_whitney"].iloc[1] == pytest.approx(expected)


def test_a_score_that_no_draw_has_is_unknown() -> None:
    some = intervals_of_draws([0.5, 0.7], n_test=4, n_train=8)
    none = intervals_of_draws([np.nan, np.nan], n_test=4, n_train=8)
    assert list(none) == list(some)
    assert np.isnan(list(none.values())).all()
