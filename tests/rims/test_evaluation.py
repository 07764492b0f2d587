"""Evaluation of detectors: hand-made counts, the published tables recomputed, chance and leaks."""

import numpy as np
import pandas as pd
import pytest

from chiomics.core.scores.concordance import auc
from chiomics.rims.detectors.lesions import KEYS
from chiomics.rims.detectors.training import train
from chiomics.rims.evaluation.agreement import detector_agreement
from chiomics.rims.evaluation.calibration import reliability
from chiomics.rims.evaluation.calls import combine_seeds
from chiomics.rims.evaluation.chance import check_chance, leak_check, lesion_strata, permute_within_strata
from chiomics.rims.evaluation.errors import disagreement, error_analysis
from chiomics.rims.evaluation.lesion_level import bootstrap_p, curves, performance, review_counts
from chiomics.rims.evaluation.subject_level import (
    compare_correlations,
    count_per_subject,
    fisher_interval,
    icc_agreement,
    subject_level,
    williams_test,
)
from chiomics.rims.evaluation.thresholds import (
    METRICS,
    count_calls,
    f1_at_prevalence,
    f1_threshold,
    rate,
    sensitive_threshold,
)
from chiomics.rims.lesions.ratings import agree
from chiomics.rims.zhang2022.published_values import published_number, read_published
from tests.rims.cohorts import make_lesions, make_settings


def make_calls(counts, arm="qsmrim", subjects=None):
    """Calls with these numbers of TP, FP, FN and TN, dealt out to subjects in turn."""
    label = np.repeat([1, 0, 1, 0], counts)
    call = np.repeat([1, 1, 0, 0], counts).astype(float)
    who = np.arange(len(label)) % (subjects or 20)
    frame = pd.DataFrame({"arm": arm, "fold": who % 5, "participant_id": [f"sub-{n:03d}" for n in who]})
    frame = frame.assign(session_id="", run="", lesion=np.arange(len(label)), label=label)
    frame = frame.assign(probability=0.2 + 0.5 * call, calibrated=0.1 + 0.5 * call)
    return frame.assign(call_published=call, call_inner=call, threshold_published=0.5, threshold_inner=0.5)


def test_thresholds_by_hand():
    labels, scores = np.array([1, 0, 1, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.2])
    # F1 from the top: .5, .4, 2/3, .57, .5, 2/3: the higher threshold of the two best
    assert f1_threshold(labels, scores) == 0.7
    # sensitivity 1/3, 2/3, 1: the largest below .95 is 2/3, first reached at .7
    assert sensitive_threshold(labels, scores) == 0.7
    assert sensitive_threshold(labels, scores, below=0.3) == np.inf
    assert count_calls(labels, scores >= 0.7) == {"tp": 2, "fp": 1, "fn": 1, "tn": 2}


def test_f1_at_the_cohorts_own_share_is_its_f1():
    counts = {"tp": 120, "fp": 44, "fn": 57, "tn": 3942}
    found = rate(counts)
    f1, ppv = f1_at_prevalence(found["sensitivity"], found["specificity"], np.array([177 / 4163]))
    assert f1[0] == pytest.approx(found["f1"])
    assert ppv[0] == pytest.approx(found["ppv"])


@pytest.mark.parametrize("name", ["table2", "table3"])
def test_published_tables_follow_from_their_counts_but_for_two_entries(name):
    printed = read_published(name).set_index("arm")
    assert (printed[["tp", "fp", "fn", "tn"]].sum(axis=1) == 4163).all()
    assert (printed["tp"] + printed["fn"] == 177).all()
    again = pd.DataFrame(rate(printed), index=printed.index)
    # three printed decimals, and a half digit that rounds either way
    differ = (again - printed[list(METRICS)]).abs() > 0.00051
    assert [(arm, metric) for arm in differ.index for metric in METRICS if differ.loc[arm, metric]] == [
        ("qsmrim", "f1"),
        ("qsmrim", "sensitivity"),
    ]
    assert again.loc["qsmrim", ["f1", "sensitivity"]].round(3).tolist() == [0.704, 0.678]


def test_published_table_1_follows_from_its_counts():
    table = read_published("table1").set_index(["variable", "statistic"])["value"]
    subjects, lesions = int(table["subjects", "count"]), int(table["lesions", "count"])
    shares = {}
    for (variable, statistic), value in table.items():
        if statistic == "count (%)":
            count, share = value.rstrip(" %)").split(" (")
            of = lesions if variable == "lesions with a rim" else subjects
            digits = len(share.split(".")[1])
            assert round(100 * int(count) / of, digits) == float(share)
            shares[variable] = int(count)
    rims = shares["lesions with a rim"]
    assert shares["female"] + shares["male"] == subjects
    assert sum(shares[k] for k in ("relapsing remitting", "secondary progressive", "clinically isolated syndrome")) == (
        subjects
    )
    assert f"{lesions / subjects:.1f}" == table["lesions per subject", "mean"]
    assert f"{rims / subjects:.2f}" == table["rims per subject", "mean"]


def test_published_claims_follow_from_the_tables():
    found = read_published("table2").set_index("arm")
    f1 = pd.DataFrame(rate(found), index=found.index)["f1"]
    assert f1["qsmrim"] / f1["rimnet"] - 1 == pytest.approx(0.098, abs=0.0015)
    assert f1["qsmrim"] / f1["aprl_rf"] - 1 == pytest.approx(0.233, abs=0.0015)
    ratio = published_number("qsmrim", "proc_auc") / published_number("aprl_rf", "proc_auc")
    assert ratio - 1 == pytest.approx(0.2101, abs=0.0005)
    assert published_number("qsmrim", "proc_auc") / published_number("rimnet", "proc_auc") - 1 == (
        pytest.approx(0.0468, abs=0.0005)
    )
    # sensitivity of the counts (3.448 % went by 3.45 to 3.5), precision of the printed decimals
    again = pd.DataFrame(rate(found), index=found.index)["sensitivity"]
    for values, over_rimnet, over_aprl in ((again, 0.035, 0.143), (found["ppv"], 0.168, 0.331)):
        assert values["qsmrim"] / values["rimnet"] - 1 == pytest.approx(over_rimnet, abs=0.00055)
        assert values["qsmrim"] / values["aprl_rf"] - 1 == pytest.approx(over_aprl, abs=0.00055)
    numbers = read_published("table3").set_index("arm")
    assert numbers.loc["ablation_radiomics", "specificity"] == numbers.loc["qsmrim", "specificity"]


@pytest.mark.parametrize("arm", ["qsmrim", "aprl_nn", "aprl_rf", "rimnet"])
def test_published_intervals_of_r_are_fishers(arm):
    r, low, high = (published_number(arm, name) for name in ("r", "r_low", "r_high"))
    # r is printed with two decimals: its rounding moves the ends by up to .011
    assert fisher_interval(r, 172) == pytest.approx((low, high), abs=0.012)


def test_lesions_to_review_are_true_and_false_calls():
    # 168 of 177 rims is the largest sensitivity below .95; with 538 false calls: 706, and not 538 + 177
    scores = np.concatenate([np.full(168, 0.9), np.full(9, 0.1), np.full(538, 0.95), np.full(3448, 0.05)])
    labels = np.concatenate([np.ones(177), np.zeros(3986)]).astype(int)
    calls = pd.DataFrame({"arm": "qsmrim", "label": labels, "probability": scores})
    row = review_counts(calls).iloc[0]
    assert (row["review"], row["fp"]) == (706, 538)
    assert row["saved"] == pytest.approx(0.830, abs=0.0005)


def test_published_kappa_is_plausible():
    # 160 of 4,163 lesions with disagreement; raters who each call 205 rims
    both, differ = 205 - 80, 160
    first = np.r_[np.ones(both + 80), np.zeros(4163 - both - 80)]
    second = np.r_[np.ones(both), np.zeros(80), np.ones(80), np.zeros(4163 - both - differ)]
    assert agree(first, second).kappa == pytest.approx(0.59, abs=0.005)


def test_performance_counts_and_equal_methods_do_not_differ():
    calls = pd.concat([make_calls([30, 10, 10, 350]), make_calls([30, 10, 10, 350], arm="rimnet")])
    table, differences = performance(calls, draws=200, seed=1)
    row = table.query("arm == 'qsmrim' and threshold == 'inner'").iloc[0]
    assert (row["tp"], row["fp"], row["fn"], row["tn"]) == (30, 10, 10, 350)
    assert row["f1_low"] < row["f1"] == 0.75 < row["f1_high"]
    assert (differences["difference"] == 0).all()
    assert (differences["p"] == 1).all()


def test_bootstrap_draws_subjects_not_lesions():
    # all errors in one of twenty subjects: drawing subjects spreads more than drawing lesions
    calls = make_calls([40, 0, 0, 360], subjects=20)
    own = calls["participant_id"] == "sub-000"
    calls.loc[own, "call_published"] = 1 - calls.loc[own, "call_published"]
    row = performance(calls, draws=400, seed=0)[0].query("threshold == 'published'").iloc[0]
    by_lesion = 1.96 * np.sqrt(0.05 * 0.95 / 400)
    assert row["accuracy_high"] - row["accuracy_low"] > 1.5 * 2 * by_lesion


def test_p_of_a_bootstrap_is_never_zero():
    assert bootstrap_p(np.full(99, 0.3)) == 0.02
    assert bootstrap_p(np.r_[np.full(50, 0.3), np.full(50, -0.3)]) == 1


def test_votes_and_means_over_seeds():
    rows = []
    # three seeds, one fold: two lesions with a rim, two without; the third seed is wrong about the second rim
    scores = {0: [0.9, 0.8, 0.1, 0.2], 1: [0.7, 0.6, 0.3, 0.2], 2: [0.9, 0.1, 0.4, 0.2]}
    for seed, values in scores.items():
        for role in ("test", "inner"):
            for lesion, value in enumerate(values):
                rows.append(
                    {"arm": "qsmrim", "fold": 0, "seed": seed, "role": role, "participant_id": "a", "session_id": "",
                     "run": "", "lesion": lesion, "label": int(lesion < 2), "probability": value, "calibrated": value}
                )  # fmt: skip
    calls = combine_seeds(pd.DataFrame(rows)).sort_values("lesion")
    assert calls["probability"].tolist() == pytest.approx([2.5 / 3, 0.5, 0.8 / 3, 0.2])
    assert calls["call_published"].tolist() == [1, 1, 0, 0]
    # the third seed's F1 is highest at .9 and at .1; the higher is taken
    assert calls["threshold_published"].iloc[0] == pytest.approx((0.8 + 0.6 + 0.9) / 3)
    without = combine_seeds(pd.DataFrame(rows).query("role == 'test'"))
    assert without["call_inner"].isna().all()


def test_subject_level_by_hand():
    calls = make_calls([10, 0, 0, 10], subjects=4)
    calls["participant_id"] = np.repeat(["a", "b", "c", "d"], 5)
    calls["label"] = np.r_[[1] * 5, [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0] * 5]
    calls["call_published"] = calls["call_inner"] = np.r_[[1] * 4, 0, [1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0] * 5]
    row = subject_level(count_per_subject(calls)).iloc[0]
    assert row["mse"] == pytest.approx((1 + 1 + 1 + 0) / 4)  # 4 of 5, 4 of 3, 2 of 1, 0 of 0
    assert row["bias"] == pytest.approx(0.25)
    assert (row["sensitivity_1"], row["specificity_1"], row["sensitivity_4"]) == (1, 1, 1)
    assert row["specificity_4"] == pytest.approx(2 / 3)
    twice = np.array([0.0, 1, 2, 5])
    assert icc_agreement(twice, twice) == 1
    assert icc_agreement(twice, 2 * twice) < 0.8  # r would be 1


def test_williams_test_by_hand_and_on_equal_correlations():
    t, p = williams_test(0.5, 0.32, 0.5, 103)
    determinant = 1 - 0.5**2 - 0.32**2 - 0.5**2 + 2 * 0.5 * 0.32 * 0.5
    by_hand = 0.18 * np.sqrt(102 * 1.5 / (2 * 102 / 100 * determinant + 0.41**2 * 0.5**3))
    assert t == pytest.approx(by_hand)
    assert 0.02 < p < 0.1
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(400):
        truth = rng.normal(size=80)
        first, second = (truth + rng.normal(size=80) for _ in range(2))
        r = np.corrcoef([truth, first, second])
        rejected += williams_test(r[0, 1], r[0, 2], r[1, 2], 80)[1] < 0.05
    assert 4 < rejected < 40  # 20 expected of 400, five SDs


def test_correlations_are_compared_on_the_same_subjects():
    counts = pd.concat(
        [count_per_subject(make_calls([20, 5, 5, 70], arm=arm, subjects=9)) for arm in ("qsmrim", "rimnet")]
    )
    row = compare_correlations(counts, "qsmrim", "published").iloc[0]
    assert (row["difference"], row["p"]) == (0, 1)


def test_reliability_of_a_calibrated_and_a_shifted_probability():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 8000)
    calls = make_calls([1, 1, 1, 7997]).assign(label=(rng.random(8000) < p).astype(int), probability=p)
    calls["calibrated"] = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + 1)))
    bins, summary = reliability(calls)
    raw, shifted = (summary.set_index("which").loc[name] for name in ("probability", "calibrated"))
    assert raw["slope"] == pytest.approx(1, abs=0.1)
    assert raw["intercept"] == pytest.approx(0, abs=0.2)
    assert shifted["intercept"] == pytest.approx(-1, abs=0.2)
    assert raw["brier"] < min(shifted["brier"], raw["brier_of_prevalence"])
    assert bins.query("which == 'probability'")["lesions"].sum() == 8000


def test_errors_by_what_is_known_of_a_lesion():
    lesions = make_lesions(subjects=4, per_subject=6, rims=2)
    table = lesions.table
    calls = table[KEYS].assign(
        arm="qsmrim", label=lesions.labels, call_published=(table["chi_mean"] > 20).astype(float)
    )
    found = error_analysis(calls, table)
    assert found.groupby("factor")[["TP", "FP", "FN", "TN"]].sum().sum(axis=1).eq(24).all()
    assert found.query("factor == 'kind' and level == 'iso'")["FN"].sum() == 0
    assert disagreement(table).sum() == 2
    assert disagreement(table.drop(columns="rater_B")).isna().all()


def test_a_detector_is_a_rater_among_raters():
    # raters: 30 rims both, 10 only the first, 360 none; the consensus is the first's; the detector is the second
    table = make_calls([30, 0, 10, 360])
    table = table.assign(rater_A=table["label"], rater_B=table["call_inner"], rater_C=np.nan)
    unrated = table.iloc[:40].assign(participant_id="sub-999", rater_B=0.0)
    found = detector_agreement(table, pd.concat([table, unrated])).set_index("first")
    assert found["n"].tolist() == [400] * 3  # two thresholds and one pair of raters, on the evaluated lesions alone
    assert found.loc["A", "second"] == "B"
    expected = (0.975 - (0.1 * 0.075 + 0.9 * 0.925)) / (1 - (0.1 * 0.075 + 0.9 * 0.925))
    assert found["kappa"].to_numpy() == pytest.approx(expected)
    without = detector_agreement(table.assign(call_inner=np.nan), table.filter(regex="^(?!rater)"))
    assert without["threshold"].tolist() == ["published"]


def test_permutation_keeps_the_rims_of_each_stratum():
    lesions = make_lesions(subjects=10, per_subject=8, rims=2)
    permuted = permute_within_strata(lesions.subjects, lesions.labels, np.random.default_rng(0))
    stratum = lesion_strata(lesions.subjects, lesions.labels)
    assert not np.array_equal(permuted, lesions.labels)
    for number in np.unique(stratum):
        assert permuted[stratum == number].sum() == lesions.labels[stratum == number].sum()


def check(lesions, *, trees, permutations, repeats):
    settings = make_settings(folds=4, trees=trees)
    return check_chance(
        lesions, lambda known, seed: train("aprl_rf", known, settings, seed=seed), settings, arm="aprl_rf",
        permutations=permutations, repeats=repeats,
    )  # fmt: skip


@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_a_lesion_split_looks_better_where_subjects_differ_and_only_there(spread):
    # a feature that says how bright a rim is, and three that say nothing of rims but whose lesion it is
    rng = np.random.default_rng(2)
    lesions = make_lesions(subjects=24, per_subject=10, rims=0, shape=(8, 8, 4))
    subject = np.unique(lesions.subjects, return_inverse=True)[1]
    labels = rng.random(240) < np.repeat([0.1, 0.6], 12)[subject]
    values = np.column_stack([labels + rng.normal(size=240), spread * rng.normal(size=(24, 3))[subject]])
    values[:, 1:] += 0.1 * rng.normal(size=(240, 3))
    features = pd.DataFrame(values, columns=[f"original_firstorder_{n}" for n in range(4)])
    mixed = type(lesions)(lesions.table, features, lesions.patches, lesions.masks).relabel(labels)
    found = leak_check(check(mixed, trees=15, permutations=0, repeats=6)).set_index("measure")
    assert found["difference"].to_numpy() == pytest.approx((found["lesion_split"] - found["subject_split"]).to_numpy())
    row = found.loc["auc"]
    if spread:
        assert (found["low"] > 0.03).all()
    else:
        # the SE of an AUC of .75 from 84 rims and 156 others is about .03, less for the mean of six differences
        assert row.low < 0 < row.high
        assert abs(row.difference) < 0.03


def test_permuted_labels_give_half():
    plain = make_lesions(subjects=16, per_subject=10, rims=4, shape=(16, 16, 8))
    found = check(plain, trees=15, permutations=4, repeats=1)
    null = found.query("scheme == 'permuted'")["auc"]
    # 32 rims among 80 lesions of subjects who have some: the SE of one AUC is about .066; three of the mean's
    assert null.mean() == pytest.approx(0.5, abs=3 * 0.066 / np.sqrt(4))
    assert found.query("scheme == 'subject_split'")["auc"].iloc[0] > 0.9


def test_averaged_curves_of_perfect_calls():
    _, areas = curves(make_calls([20, 0, 0, 80]))
    assert areas[["proc_auc", "pr_auc", "auc"]].iloc[0].tolist() == pytest.approx([1, 1, 1])
    assert auc(np.array([1, 0]), np.array([1.0, 0.0])) == 1
