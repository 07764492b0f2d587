"""Cross-validation keeps test subjects out of training, and the tables say what the scores say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from chiomics.core.errors import InputError, SettingError
from chiomics.core.scores.concordance import concordance_of
from chiomics.core.scores.splits import permute_labels, split
from chiomics.diagnosis.cohort import build_cohort, outcome, radiomic_columns, read_cohort
from chiomics.diagnosis.contracts import (
    ALL_SUBJECTS,
    CONFOUNDING,
    DELONG,
    PERFORMANCE,
    PREDICTIONS,
    ROC,
    SELECTED,
)
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.final_model import coefficient_table
from chiomics.diagnosis.models import Model, complete_settings, list_models
from chiomics.diagnosis.performance.calibration import (
    brier_score,
    calibration_intercept,
    calibration_slope,
    calibration_table,
    decision_table,
)
from chiomics.diagnosis.performance.confounding import gain_table
from chiomics.diagnosis.performance.measures import delong_table, performance_table, roc_table
from chiomics.diagnosis.performance.permutation import permutation_p, permute
from chiomics.diagnosis.performance.stability import nogueira, selection_counts, selection_stability
from chiomics.diagnosis.recipe import build_pipeline, count_radiomic, design_matrix, fit_final, selected_features
from tests.diagnosis.cohorts import simulated_cohort, tidy_features

SETTINGS = complete_settings({"repeats": 2, "permutations": 3, "bootstraps": 200})
MODELS = list_models(SETTINGS)


@pytest.fixture(scope="module")
def cohort():
    """83 subjects with 60 features of the dentate nucleus."""
    whole = simulated_cohort(3)
    return whole.iloc[:, : 8 + 60].copy()


@pytest.fixture(scope="module")
def evaluations(cohort):
    names = ("DN", "demographics", "hybrid", "demographics_without_sex", "hybrid_without_sex")
    found = [
        evaluate(cohort, MODELS[name], SETTINGS, scheme=scheme, repeats=range(1 if scheme == "as_published" else 2))
        for name in names
        for scheme in ("as_published", "nested")
    ]
    parts = [(one.predictions, one.selected) for one in found]
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))


def test_every_session_has_one_score_per_repeat(cohort, evaluations):
    predictions, selected = evaluations
    assert tuple(predictions.columns) == PREDICTIONS
    assert tuple(selected.columns) == SELECTED
    counts = predictions.groupby(["model", "scheme", "repeat"])["participant"].agg(["size", "nunique"])
    assert (counts == 83).all().all()
    assert predictions["score"].between(0, 1).all()


def test_every_model_has_the_same_folds(evaluations):
    folds = evaluations[0].groupby(["repeat", "participant"])["fold"].nunique()
    assert (folds == 1).all()


def test_test_subjects_leave_the_training_untouched(cohort):
    """Garbage in the rows of the test fold changes their scores, and nothing that was learned."""
    y = outcome(cohort, SETTINGS)
    train, test = next(split(cohort, y, SETTINGS, seeds=(0,)))
    spoilt = cohort.copy()
    spoilt.iloc[test, 4:] = 1e6 * np.random.default_rng(0).normal(size=(len(test), cohort.shape[1] - 4))
    learned = []
    for table in (cohort, spoilt):
        found = evaluate(table, MODELS["hybrid"], SETTINGS, scheme="nested")
        chosen = found.selected.loc[found.selected["fold"] == 0].reset_index(drop=True)
        learned.append((chosen, found.predictions.loc[found.predictions["fold"] == 0]))
    pd.testing.assert_frame_equal(learned[0][0], learned[1][0])
    assert (learned[0][1]["threshold"] == learned[1][1]["threshold"]).all()
    assert (learned[0][1]["score"] != learned[1][1]["score"]).any()
    assert len(train) + len(test) == 83


def test_as_published_selection_sees_the_test_subjects(cohort):
    """The same garbage changes the published selection: that is its leak."""
    y = outcome(cohort, SETTINGS)
    _, test = next(split(cohort, y, SETTINGS, seeds=(0,)))
    spoilt = cohort.copy()
    spoilt.iloc[test, 8:] += 3 * np.random.default_rng(0).normal(size=(len(test), 60))
    chosen = [
        set(evaluate(table, MODELS["DN"], SETTINGS, scheme="as_published").selected["feature"])
        for table in (cohort, spoilt)
    ]
    assert chosen[0] != chosen[1]


def test_a_repeat_is_the_same_in_any_job(cohort):
    whole = evaluate(cohort, MODELS["DN"], SETTINGS, scheme="nested", repeats=range(2)).predictions
    alone = evaluate(cohort, MODELS["DN"], SETTINGS, scheme="nested", repeats=[1]).predictions
    pd.testing.assert_frame_equal(whole.loc[whole["repeat"] == 1].reset_index(drop=True), alone)


def test_order_of_columns_does_not_matter(cohort):
    turned = cohort[[*cohort.columns[:8], *cohort.columns[:7:-1]]]
    scores = [
        evaluate(table, MODELS["DN"], SETTINGS, scheme="nested").predictions["score"] for table in (cohort, turned)
    ]
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_exchanged_classes_exchange_the_probabilities(cohort):
    other = SETTINGS | {"positive": "NMOSD"}
    scores = [
        evaluate(cohort, MODELS["DN"], chosen, scheme="as_published").predictions.set_index("participant")["score"]
        for chosen in (SETTINGS, other)
    ]
    np.testing.assert_allclose(scores[0], 1 - scores[1], atol=1e-5)


def test_sessions_of_a_participant_share_a_fold(cohort):
    twice = pd.concat([cohort.assign(session="1"), cohort.assign(session="2")], ignore_index=True)
    found = evaluate(twice, MODELS["DN"], SETTINGS, scheme="nested").predictions
    assert (found.groupby("participant")["fold"].nunique() == 1).all()
    assert found.groupby("fold")["y"].mean().between(0.4, 0.75).all()


def test_sites_are_left_out_one_by_one(cohort):
    sites = cohort.assign(site=np.resize(["a", "b", "c"], len(cohort)))
    settings = SETTINGS | {"groups_column": "site"}
    found = evaluate(sites, MODELS["demographics"], settings, scheme="nested").predictions
    assert (found.merge(sites[["participant", "site"]]).groupby("fold")["site"].nunique() == 1).all()
    assert found["fold"].nunique() == 3


def test_more_folds_than_participants_are_refused(cohort):
    few = pd.concat([cohort.iloc[:20], cohort.iloc[-4:]])
    with pytest.raises(SettingError, match="more folds than participants"):
        evaluate(few, MODELS["demographics"], SETTINGS, scheme="nested")


def test_permutation_moves_labels_of_participants_alone(cohort):
    rng = np.random.default_rng(0)
    participants = np.repeat(np.arange(30), 2)
    y = np.repeat(np.arange(30) < 18, 2).astype(int)
    moved = permute_labels(participants, y, rng)
    assert (moved[::2] == moved[1::2]).all()
    assert moved.sum() == y.sum()
    assert (moved != y).any()
    with pytest.raises(InputError, match="both groups"):
        permute_labels(participants, np.arange(60) % 2, rng)


def test_a_permutation_is_the_same_in_any_job(cohort):
    whole = permute(cohort, MODELS["DN"], SETTINGS, scheme="nested", permutations=range(3))
    alone = permute(cohort, MODELS["DN"], SETTINGS, scheme="nested", permutations=[2])
    assert whole["auc"][2] == alone["auc"][0]


def test_permutation_p_counts_itself():
    assert permutation_p(0.7, np.array([0.4, 0.7, 0.5])) == 0.5
    assert permutation_p(0.9, np.full(199, 0.5)) == 1 / 200


def test_performance_table_says_what_the_scores_say(cohort, evaluations):
    predictions, selected = evaluations
    permuted = permute(cohort, MODELS["DN"], SETTINGS, scheme="nested", permutations=range(3))
    table = performance_table(predictions, selected, permuted, SETTINGS)
    assert tuple(table.columns) == PERFORMANCE
    for _, row in table.iterrows():
        part = predictions.loc[(predictions["model"] == row["model"]) & (predictions["scheme"] == row["scheme"])]
        aucs = [roc_auc_score(one["y"], one["score"]) for _, one in part.groupby("repeat")]
        assert row["auc"] == pytest.approx(np.mean(aucs))
        assert row["auc_delong_low"] < row["auc"] < row["auc_delong_high"]
        share = 47 / 83
        assert row["accuracy"] == pytest.approx(share * row["sensitivity"] + (1 - share) * row["specificity"])
        assert ("biased upwards" in row["warning"]) == (row["scheme"] == "as_published")
    assert table["p_permutation"].notna().sum() == 1
    nested = table.set_index(["model", "scheme"]).loc[("hybrid", "as_published")]
    chosen = selected.query("model == 'hybrid' and scheme == 'as_published' and step == 'aic'")
    assert nested["events_per_variable"] == 36 / len(chosen)


def test_pairs_of_models_and_their_adjustment(evaluations):
    table = delong_table(evaluations[0], SETTINGS)
    assert tuple(table.columns) == DELONG
    assert (table.groupby("scheme").size() == 10).all()
    assert (table["p_holm"] >= table["p"]).all()


def test_roc_is_monotone_and_has_the_area(evaluations):
    table = roc_table(evaluations[0], SETTINGS)
    assert tuple(table.columns) == ROC
    for (model, scheme), part in table.groupby(["model", "scheme"]):
        assert (np.diff(part["tpr"]) >= -1e-12).all()
        assert ((part["tpr_low"] <= part["tpr"]) & (part["tpr"] <= part["tpr_high"])).all()
        own = evaluations[0].loc[(evaluations[0]["model"] == model) & (evaluations[0]["scheme"] == scheme)]
        # 101 points of a curve with steps of 1/36.
        assert np.trapezoid(part["tpr"], part["fpr"]) == pytest.approx(concordance_of(own).auc, abs=0.01)


def test_gain_of_the_hybrid_model(evaluations):
    table = gain_table(evaluations[0], SETTINGS)
    assert tuple(table.columns) == CONFOUNDING
    assert list(table["left_out"]) == ["none", "sex"] * 2
    np.testing.assert_allclose(table["gain"], table["auc_hybrid"] - table["auc_demographic"])


def test_selection_tables(evaluations):
    selected = evaluations[1]
    counts = selection_counts(selected, {"DN": 60, "hybrid": 60, "demographics": 0})
    own = counts.query("model == 'DN' and scheme == 'as_published'").set_index("step")["median"]
    assert own["extracted"] == 60
    assert (np.diff(own) <= 0).all()
    published = selected.query("model == 'DN' and scheme == 'as_published'")
    assert set(published["fold"]) == {ALL_SUBJECTS}
    assert own["aic"] == (published["step"] == "aic").sum()
    assert set(counts["model"]) == {"DN", "hybrid"}
    stability = selection_stability(selected)
    assert stability["frequency"].between(0.1, 1).all()
    assert (stability.query("scheme == 'as_published'")["frequency"] == 1).all()


def test_stability_is_one_for_equal_sets_and_zero_for_random_ones():
    assert nogueira(np.tile([True, False, True, False], (5, 1)), 4) == pytest.approx(1)
    rng = np.random.default_rng(0)
    random = np.stack([rng.permutation(200) < 20 for _ in range(100)])
    # Its standard error for 100 random sets of 20 of 200 is below 0.01.
    assert nogueira(random, 200) == pytest.approx(0, abs=0.02)


def test_calibration_of_true_probabilities_and_of_exaggerated_ones():
    rng = np.random.default_rng(0)
    p = expit(rng.normal(size=40_000))
    y = rng.uniform(size=p.size) < p
    assert calibration_slope(y, p) == pytest.approx(1, abs=0.04)
    assert calibration_intercept(y, p) == pytest.approx(0, abs=0.04)
    assert calibration_slope(y, expit(2 * logit(p))) == pytest.approx(calibration_slope(y, p) / 2, rel=1e-4)
    assert calibration_intercept(y, expit(logit(p) + 1)) == pytest.approx(calibration_intercept(y, p) - 1, abs=1e-6)
    assert brier_score(y, p) == pytest.approx(np.mean((y - p) ** 2))
    fitted = sm.Logit(y[:500], sm.add_constant(logit(p[:500]))).fit(disp=0)
    assert calibration_slope(y[:500], p[:500]) == pytest.approx(fitted.params[1], rel=1e-4)


def test_a_slope_that_nothing_bounds_is_none():
    y = np.array([0, 0, 0, 1, 1, 1])
    apart = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    for p in (apart, 1 - apart, np.full(6, 0.4)):
        assert np.isnan(calibration_slope(y, p))
    assert np.isfinite(calibration_slope(y, np.array([0.5, 0.6, 0.3, 0.55, 0.7, 0.4])))


@pytest.mark.parametrize(("people", "bins"), [(9, 0), (18, 3), (50, 10), (200, 10)])
def test_bins_of_a_calibration_have_five_participants_each(people, bins):
    rng = np.random.default_rng(0)
    names = [f"{number:03d}" for number in range(people)]
    parts = [
        pd.DataFrame({"model": "DN", "scheme": "nested", "repeat": one, "participant": names,
                      "score": rng.random(people), "y": np.arange(people) % 2})
        for one in range(3)
    ]  # fmt: skip
    table = calibration_table(pd.concat(parts))
    assert len(table) == bins
    assert (table["n"] >= 15).all()


def test_calibration_and_decision_tables(evaluations):
    predictions = evaluations[0]
    table = calibration_table(predictions)
    assert (table.groupby(["model", "scheme"])["n"].sum() == predictions.groupby(["model", "scheme"]).size()).all()
    decisions = decision_table(predictions).query("model == 'DN' and scheme == 'nested'").set_index("threshold")
    part = predictions.query("model == 'DN' and scheme == 'nested'")
    called = part["score"] >= 0.2
    expected = (called & (part["y"] == 1)).mean() - 0.25 * (called & (part["y"] == 0)).mean()
    assert decisions.loc[0.2, "net_benefit"] == pytest.approx(expected)
    assert decisions.loc[0.2, "net_benefit_all"] == pytest.approx(47 / 83 - 0.25 * 36 / 83)


@pytest.mark.parametrize("name", ["DN", "hybrid", "demographics"])
def test_the_final_models_numbers_give_its_predictions(cohort, name):
    with_gaps = cohort.copy()
    with_gaps.loc[3, "age"] = np.nan
    with_gaps.iloc[5, 8:30] = np.inf
    pipeline, columns = fit_final(with_gaps, MODELS[name], SETTINGS)
    design = design_matrix(with_gaps, MODELS[name], SETTINGS)
    table = coefficient_table(pipeline, columns, design)
    values = design[table["feature"]].to_numpy()
    low, high = table["abnormal_low"].to_numpy(), table["abnormal_high"].to_numpy()
    usable = np.isfinite(values) & (values >= low) & (values <= high)
    z = (np.where(usable, values, table["median"]) - table["mean"].to_numpy()) / table["scale"].to_numpy()
    odds = pipeline["logistic"].intercept_[0] + z @ table["coefficient"].to_numpy()
    np.testing.assert_allclose(expit(odds), pipeline.predict_proba(design.to_numpy())[:, 1], atol=1e-9)


def test_the_best_region_is_the_one_with_the_effect():
    effects = {"MS": {"DN": {"mean_d": 3.0, "support": "test"}}}
    cohort = simulated_cohort(5, effects=effects, regions=("DN", "SN"))
    follow = [name for name in cohort.columns[8:] if "original_firstorder" in name]
    cohort = cohort[[*cohort.columns[:8], *follow]]
    settings = SETTINGS | {"hybrid_nucleus": "best", "nuclei": ["SN", "DN"], "confounders": []}
    model = list_models(settings)["hybrid"]
    design = design_matrix(cohort, model, settings)
    pipeline = build_pipeline(model, list(design.columns), settings).fit(design.to_numpy(), outcome(cohort, settings))
    assert pipeline["features"].named_transformers_["radiomics"].region_ == "DN"
    chosen = selected_features(pipeline, list(design.columns))
    assert set(chosen["feature"].str.partition(".")[0]) == {"DN", *settings["demographics"]}
    assert count_radiomic(cohort, {"hybrid": model}, settings) == {"hybrid": len(follow) // 2}


def test_whitelist_limits_the_features(cohort, tmp_path):
    allowed = [name.partition(".")[2] for name in cohort.columns[8:20]]
    path = tmp_path / "robust.tsv"
    path.write_text("feature\n" + "\n".join(allowed) + "\n")
    settings = SETTINGS | {"whitelist": str(path)}
    design = design_matrix(cohort, list_models(settings)["DN"], settings)
    assert list(design.columns) == list(cohort.columns[8:20])
    path.write_text("voi\tfeature\nSN\t" + allowed[0] + "\n")
    with pytest.raises(InputError, match="whitelist"):
        design_matrix(cohort, list_models(settings)["DN"], settings)


def test_cohort_from_feature_files(cohort, tmp_path):
    few = cohort.iloc[40:55, :13]
    tidy = tidy_features(few)
    others = tidy.assign(group="HC", participant="sub-HC01").iloc[::15]
    paths = []
    for name, part in pd.concat([tidy, others]).groupby("participant"):
        paths.append(tmp_path / f"{name}.parquet")
        part.to_parquet(paths[-1])
    read = read_cohort(paths, SETTINGS, regions=["DN"])
    expected = few.sort_values("participant").reset_index(drop=True)
    assert radiomic_columns(read, "DN") == list(expected.columns[8:])
    pd.testing.assert_frame_equal(read[expected.columns], expected, check_dtype=False)


def test_cohort_refuses_to_guess(cohort):
    tidy = tidy_features(cohort.iloc[:, :12])
    both = pd.concat([tidy, tidy.assign(inversion="tv")])
    with pytest.raises(SettingError, match="several values of inversion"):
        build_cohort(both, SETTINGS, regions=["DN"])
    assert len(build_cohort(both, SETTINGS | {"inversion": "tv"}, regions=["DN"])) == 83
    with pytest.raises(InputError, match="no session has features of the region SN"):
        build_cohort(tidy, SETTINGS, regions=["SN"])
    with pytest.raises(InputError, match="too few participants of a group"):
        build_cohort(tidy.loc[tidy["group"] == "MS"], SETTINGS, regions=["DN"])
    with pytest.raises(InputError, match="edss cannot be read"):
        build_cohort(tidy.assign(edss="two"), SETTINGS, regions=["DN"])
    tidy["edss"] = tidy["edss"].where(tidy["participant"] != "sub-MS01", "n/a")
    assert build_cohort(tidy, SETTINGS, regions=["DN"])["edss"].isna().sum() == 1


def test_a_region_that_a_session_lacks_is_left_missing(cohort):
    tidy = tidy_features(cohort.iloc[:, :12])
    lacking = tidy.loc[~((tidy["participant"] == "sub-MS01") & (tidy["feature"] == "Elongation"))]
    built = build_cohort(lacking, SETTINGS, regions=["DN"])
    assert built["DN.original_shape_Elongation"].isna().sum() == 1


def test_unknown_settings_are_refused():
    with pytest.raises(SettingError, match="repeat"):
        complete_settings({"repeat": 3})


def test_a_cohort_as_small_as_the_demonstration_goes_through():
    cohort = simulated_cohort(1, sizes=(10, 8))
    for name in ("DN", "hybrid"):
        for scheme in ("as_published", "nested"):
            found = evaluate(cohort, MODELS[name], SETTINGS, scheme=scheme)
            assert found.predictions["score"].between(0, 1).all()


def test_a_covariate_of_numbers_written_as_text_keeps_its_order():
    cohort = pd.DataFrame({"participant": list("abc"), "DN.x": [1.0, 2.0, 3.0], "volume": ["9", "10", "100"]})
    settings = complete_settings({"adjust": "regression", "adjust_for": ["volume"], "nuclei": ["DN"]})
    design = design_matrix(cohort, Model("DN", ("DN",)), settings)
    assert design["volume"].tolist() == [9, 10, 100]
