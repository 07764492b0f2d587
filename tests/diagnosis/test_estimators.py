"""The estimators nest as scikit-learn's own do, and equal independent implementations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from statsmodels.stats.diagnostic import lilliefors as statsmodels_lilliefors

from chiomics.core.errors import InputError, SettingError
from chiomics.diagnosis.estimators.adjust import ComBat, ConfounderRegression
from chiomics.diagnosis.estimators.impute import MedianImputer
from chiomics.diagnosis.estimators.logistic import MultivariableLogistic
from chiomics.diagnosis.estimators.newton import separates
from chiomics.diagnosis.estimators.redundancy import RedundancyFilter
from chiomics.diagnosis.estimators.stepwise import StepwiseAIC
from chiomics.diagnosis.estimators.univariate import UnivariateFilter, compare_classes
from chiomics.diagnosis.normality import MAX_P, lilliefors

ESTIMATORS = [
    MedianImputer(),
    MedianImputer(abnormal_z=3.0),
    UnivariateFilter(),
    RedundancyFilter(),
    StepwiseAIC(),
    MultivariableLogistic(),
    MultivariableLogistic(method="firth"),
    MultivariableLogistic(method="ridge"),
    ConfounderRegression(),
]
# Two cannot be checked so: ComBat, whose last column is a site's code and not a number, and BestRegion, which has to be
# told the region of every column. Their laws are below and in test_evaluation.


def exceptions(estimator):
    """A selection may leave no feature; then the logistic model is its intercept, not an error."""
    if isinstance(estimator, MultivariableLogistic):
        return {"check_estimators_empty_data_messages": "no feature is a model of its own"}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=exceptions)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def cohort():
    """83 subjects, 40 features of which 5 tell the classes apart; skewed, tied and constant ones among them."""
    rng = np.random.default_rng(5)
    y = np.repeat([1, 0], [47, 36])
    X = rng.standard_normal((83, 40))
    X[:, :5] += 0.8 * y[:, None]
    X[:, 10:20] = np.exp(X[:, 10:20])
    X[:, 20:25] = np.round(X[:, 20:25])
    X[:, 39] = 7.0
    return X, y


def test_imputer_uses_the_training_median_alone():
    train = np.array([[1.0, np.nan], [2.0, np.inf], [9.0, np.nan], [np.nan, -np.inf]])
    imputer = MedianImputer().fit(train)
    filled = imputer.transform(np.array([[np.nan, 3.0], [np.inf, np.nan]]))
    # 2 is the median of 1, 2, 9; a feature without any value becomes constant.
    np.testing.assert_array_equal(filled, [[2, 3], [2, 0]])


def test_imputer_abnormal_values(cohort):
    X = cohort[0][:, :3].copy()
    X[4, 1] = 50.0
    filled = MedianImputer(abnormal_z=3).fit_transform(X)
    assert filled[4, 1] == np.median(np.delete(X[:, 1], 4))
    usual = np.abs(stats.zscore(X[:, 0])) <= 3
    np.testing.assert_array_equal(filled[usual, 0], X[usual, 0])


@pytest.mark.parametrize("count", [5, 29, 36, 47, 66, 100, 250])
def test_lilliefors_equals_statsmodels(count):
    rng = np.random.default_rng(count)
    X = rng.gamma(rng.uniform(0.5, 30, 60), size=(count, 60))
    statistic, p = lilliefors(X)
    for column in range(X.shape[1]):
        expected, expected_p = statsmodels_lilliefors(X[:, column], pvalmethod="approx")
        assert statistic[column] == pytest.approx(expected, rel=1e-9)
        if p[column] < MAX_P:
            assert p[column] == pytest.approx(expected_p, rel=1e-9)
        else:
            # Above 0.1 statsmodels reads a table, which differs from the approximation by less than 0.01 there.
            assert expected_p > MAX_P - 0.01


def test_univariate_tests_equal_scipy(cohort):
    X, y = cohort
    p, parametric = compare_classes(X[:, :39], y == 1, normality=0.05)
    assert 0 < parametric.sum() < 39
    for column in range(39):
        a, b = X[y == 1, column], X[y == 0, column]
        if parametric[column]:
            expected = stats.ttest_ind(a, b).pvalue
        else:
            expected = stats.mannwhitneyu(a, b, method="asymptotic").pvalue
        assert p[column] == pytest.approx(expected, rel=1e-9)


def test_normality_decides_the_test(cohort):
    X, y = cohort
    _, parametric = compare_classes(X[:, :39], y == 1, normality=0.05)
    for column in range(39):
        normal = [statsmodels_lilliefors(X[y == k, column], pvalmethod="approx")[1] >= 0.05 for k in (0, 1)]
        assert parametric[column] == all(normal)


def test_constant_features_do_not_pass(cohort):
    X, y = cohort
    chosen = UnivariateFilter().fit(X, y)
    assert chosen.pvalues_[39] == 1
    assert not chosen.get_support()[39]


def test_univariate_filter_under_the_null_passes_five_percent():
    rng = np.random.default_rng(3)
    passed = [UnivariateFilter().fit(rng.standard_normal((83, 400)), rng.permutation(83) < 47) for _ in range(10)]
    share = np.mean([chosen.pvalues_ < 0.05 for chosen in passed])
    # 4,000 independent tests: standard error 0.0034.
    assert share == pytest.approx(0.05, abs=0.012)


def test_normality_threshold_beyond_the_approximation_is_refused(cohort):
    with pytest.raises(SettingError, match=r"0 to 0\.1"):
        UnivariateFilter(normality=0.2).fit(*cohort)


def test_redundancy_filter_keeps_the_better_of_a_pair_and_no_pair():
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], 40)
    good = rng.standard_normal(80) + 1.5 * y
    X = np.column_stack([good + 0.1 * rng.standard_normal(80), rng.standard_normal(80), good, -np.exp(good)])
    support = RedundancyFilter(0.9).fit(X, y).get_support()
    # Columns 2 and 3 are one feature by rank (a tie: the earlier stays); column 0 is a noisy copy.
    merit = [abs(stats.mannwhitneyu(column[y == 1], column[y == 0]).statistic - 800) for column in X.T]
    assert support[1]
    assert support.sum() == 2
    assert np.argmax(merit) == np.flatnonzero(support & (np.arange(4) != 1))[0]


def test_redundancy_filter_leaves_no_redundant_pair_and_drops_nothing_else(cohort):
    rng = np.random.default_rng(2)
    X, y = cohort
    X = X[:, :8] @ rng.standard_normal((8, 60)) + 0.3 * rng.standard_normal((83, 60))
    support = RedundancyFilter(0.7).fit(X, y).get_support()
    rho = np.abs(stats.spearmanr(X).statistic)
    among = rho[np.ix_(support, support)] - np.eye(support.sum())
    assert among.max() <= 0.7
    # Every feature that went has a better one that stayed and is correlated with it.
    merit = np.abs(stats.rankdata(X, axis=0)[y == 1].sum(axis=0) - 47 * 42)
    for column in np.flatnonzero(~support):
        assert (support & (rho[column] > 0.7) & (merit >= merit[column])).any()


def test_redundancy_filter_ignores_order_and_monotone_transforms(cohort):
    rng = np.random.default_rng(4)
    X, y = cohort
    X = X[:, :8] @ rng.standard_normal((8, 50)) + 0.3 * rng.standard_normal((83, 50))
    support = RedundancyFilter(0.7).fit(X, y).get_support()
    order = rng.permutation(50)
    np.testing.assert_array_equal(RedundancyFilter(0.7).fit(X[:, order], y).get_support(), support[order])
    np.testing.assert_array_equal(RedundancyFilter(0.7).fit(np.exp(X), y).get_support(), support)


def test_maximum_likelihood_equals_statsmodels(cohort):
    X, y = cohort
    fitted = MultivariableLogistic().fit(X[:, :5], y)
    expected = sm.Logit(y, sm.add_constant(X[:, :5])).fit(disp=0, tol=1e-12)
    # The last step of Newton's method gains less than 1e-7 in log-likelihood, 3e-4 of a standard error.
    np.testing.assert_allclose(np.r_[fitted.intercept_, fitted.coef_[0]], expected.params, atol=1e-4)
    assert fitted.method_ == "maximum_likelihood"


def test_ridge_equals_scikit_learn(cohort):
    X, y = cohort
    fitted = MultivariableLogistic(method="ridge", ridge=2.0).fit(X[:, :30], y)
    expected = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(X[:, :30], y)
    np.testing.assert_allclose(fitted.coef_, expected.coef_, atol=1e-5)


def test_firth_in_the_two_by_two_table_adds_half_to_every_cell():
    # Firth's estimate of a log odds ratio adds 1/2 to each cell (Heinze and Schemper 2002): 0 of 10 against 7 of 12.
    x = np.repeat([0, 1], [10, 12])
    y = np.r_[np.zeros(10), np.ones(7), np.zeros(5)]
    fitted = MultivariableLogistic().fit(x[:, None], y)
    assert fitted.method_ == "firth"
    assert fitted.coef_[0, 0] == pytest.approx(np.log((7.5 / 5.5) / (0.5 / 10.5)), abs=1e-6)


def test_separation_is_told_from_its_near_miss():
    x = np.linspace(-1, 1, 20)
    design = np.column_stack([np.ones(20), x])
    y = (x > 0).astype(float)
    assert separates(design, y)
    y[[0, 19]] = y[[19, 0]]
    assert not separates(design, y)
    # Quasi-complete: classes meet in one value of x alone.
    x = np.r_[np.zeros(5), np.ones(5), np.ones(5) * 2]
    y = np.r_[np.zeros(5), 0, 1, 0, 1, 0, np.ones(5)]
    assert separates(np.column_stack([np.ones(15), x]), y)


def test_the_whole_recipe_nests_in_a_grid_search(cohort):
    X, y = cohort
    frame = pd.DataFrame(X, columns=[f"feature{number}" for number in range(40)])
    recipe = Pipeline(
        [
            ("impute", MedianImputer()),
            ("scale", StandardScaler()),
            ("univariate", UnivariateFilter()),
            ("spearman", RedundancyFilter()),
            ("aic", StepwiseAIC()),
            ("logistic", MultivariableLogistic()),
        ]
    )
    search = GridSearchCV(clone(recipe), {"aic__max_features": [1, 3], "univariate__threshold": [0.05, 0.1]}, cv=3)
    search.fit(frame, y)
    names = search.best_estimator_[:-1].get_feature_names_out()
    assert set(names) <= set(frame.columns)
    assert search.predict_proba(frame).shape == (83, 2)


def test_regression_adjustment_leaves_nothing_linear_and_keeps_the_mean(cohort):
    X, _ = cohort
    covariates = X[:, 5:7]
    features = X[:, 7:10] + covariates @ np.array([[1, 0, 2], [0, 3, -1]])
    adjuster = ConfounderRegression(2)
    adjusted = adjuster.fit_transform(np.column_stack([features, covariates]))
    assert adjusted.shape == (83, 3)
    np.testing.assert_allclose(np.corrcoef(adjusted.T, covariates.T)[:3, 3:], 0, atol=1e-10)
    np.testing.assert_allclose(adjusted.mean(axis=0), features.mean(axis=0), atol=1e-12)
    assert list(adjuster.get_feature_names_out(["a", "b", "c", "age", "sex"])) == ["a", "b", "c"]


def site_effects(sizes: tuple[int, ...] = (40, 60)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """200 features of subjects at sites with shifts and scales of their own; the features without them."""
    rng = np.random.default_rng(0)
    site = np.repeat(np.arange(len(sizes)), sizes)
    true = rng.normal(size=(len(site), 200))
    shift, scale = rng.normal(1, 0.5, (len(sizes), 200)), rng.gamma(10, 0.1, (len(sizes), 200))
    return true, true * scale[site] + shift[site], site


def test_combat_takes_location_and_scale_of_the_sites_away():
    _, seen, site = site_effects()
    harmonised = ComBat().fit_transform(np.column_stack([seen, site]))
    left, before = (
        np.abs(table[site == 0].mean(axis=0) - table[site == 1].mean(axis=0)).mean() for table in (harmonised, seen)
    )
    # A shift of variance 0.25 known from 40 subjects of variance 1 keeps 1/(1 + 40 · 0.25) of itself at each site.
    assert left < 0.2 * before
    left, before = (
        np.abs(np.log(table[site == 0].std(axis=0) / table[site == 1].std(axis=0))).mean()
        for table in (harmonised, seen)
    )
    assert left < 0.5 * before


def test_combat_estimates_solve_johnsons_equations():
    _, seen, site = site_effects((8, 60))
    combat = ComBat().fit(np.column_stack([seen, site]))
    z = (seen[site == 0] - combat.mean_) / combat.sd_
    own, spread = z.mean(axis=0), z.var(axis=0, ddof=1)
    g, d = combat.location_[0], combat.scale_[0] ** 2
    tau = own.var(ddof=1)
    mean, variance = spread.mean(), spread.var(ddof=1)
    prior_shape, prior_rate = (2 * variance + mean**2) / variance, (mean * variance + mean**3) / variance
    # Johnson et al. (2007), conditional posterior means; the iteration ends at relative changes of 1e-4.
    np.testing.assert_allclose(g, (8 * tau * own + d * own.mean()) / (8 * tau + d), rtol=2e-3, atol=2e-3)
    squares = ((z - g) ** 2).sum(axis=0)
    np.testing.assert_allclose(d, (prior_rate + squares / 2) / (8 / 2 + prior_shape - 1), rtol=2e-3)
    assert g.std() < own.std()


def test_combat_refuses_an_unseen_site_and_a_single_subject():
    _, seen, site = site_effects()
    combat = ComBat().fit(np.column_stack([seen, site]))
    with pytest.raises(InputError, match="without training subjects"):
        combat.transform(np.column_stack([seen[:3], [0, 1, 2]]))
    with pytest.raises(InputError, match="two training subjects"):
        ComBat().fit(np.column_stack([seen[:5], [0, 0, 0, 0, 1]]))


@pytest.mark.parametrize("method", ["maximum_likelihood", "firth", "ridge"])
def test_without_a_feature_everybody_has_the_prevalence(method):
    labels = np.array([0, 1, 1, 0, 1, 1, 1, 1])
    model = MultivariableLogistic(method=method).fit(np.empty((8, 0)), labels)
    assert model.coef_.shape == (1, 0)
    # Firth's penalty pulls the intercept towards one half, as half a case and half a control more would
    expected = 6.5 / 9 if method == "firth" else 0.75
    np.testing.assert_allclose(model.predict_proba(np.empty((3, 0)))[:, 1], expected, rtol=1e-6)
