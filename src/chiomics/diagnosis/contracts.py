"""What the pieces of the stage hand to one another: settings, schemes and the columns of every table.

Flow: feature files -> `cohort.parquet` -> one job per model, scheme and chunk of repeats (`predictions`, `selected`) or
of permutations (`permutation`) -> tables of the whole study. Positive class is MS, as in Yan et al. 2021. A score is
the predicted probability of the positive class by a model that has not seen the subject in training (scheme
``nested``) or that saw him in the selection of features (scheme ``as_published``).

Functions that others call (S = settings, every key of `settings.Settings`, from ``models.complete_settings``)::

    models.list_models(S), .needed_regions(S), .list_jobs(S), .chunk(total, size, number)  # imports nothing heavy
    cohort.read_cohort(paths, S, regions=) / .build_cohort(tidy, S, regions=)  -> DataFrame, one row per session
    recipe.design_matrix(cohort, model, S), .build_pipeline(model, columns, S), .selected_features(pipeline, columns)
    recipe.fit_final(cohort, model, S)        -> (Pipeline fitted on the whole cohort, columns of its design matrix)
    final_model.coefficient_table(pipeline, columns, design)      -> one row per predictor: all that applying it needs
    evaluation.evaluate(cohort, model, S, scheme=, repeats=)      -> Evaluation(predictions, selected)
    permutation.permute(cohort, model, S, scheme=, permutations=) -> DataFrame
    performance.performance_table(predictions, selected, permuted, S), .delong_table(predictions, S), .roc_table(...)
    stability.selection_counts(selected, extracted), .selection_stability(selected), .PUBLISHED
    calibration.calibration_table(predictions), .decision_table(predictions); confounding.gain_table(predictions, S)
    study.summarise_study(cohort, predictions, selected, permuted, S) -> every table of the study by name
    group_tests.compare_counts(table), .compare_moments(...), .compare_values(a, b)  -> GroupTest(test, statistic, p)
"""

from __future__ import annotations

#: Class that a score close to 1 means (Yan et al. 2021, Table 4: only MS as positive gives the published integers).
POSITIVE = "MS"
#: Selection on all subjects before cross-validation, as published; all selection inside the training folds.
SCHEMES = ("as_published", "nested")
#: The interval of the AUC that tables and figures show, of those in `PERFORMANCE`.
INTERVAL = "delong"
#: Steps of the selection with the number of features they leave (Yan et al. 2021, Radiomic features-only model).
STEPS = ("extracted", "univariate", "spearman", "aic")
#: Where a table speaks of a model trained on every subject: the fold of the as-published selection, the final model.
ALL_SUBJECTS = -1

#: One row per session: identity, group, demographics, then ``<VOI>.<feature>`` (``<VOI>-L.<feature>`` by side).
COHORT_COLUMNS = ("participant", "session", "run", "group")
#: One row per model, scheme, repeat and session. `threshold`: score at and above which the session is called positive,
#: found on the training subjects of its fold (NaN under the rule youden_pooled, whose threshold the table holds).
PREDICTIONS = (
    "model", "scheme", "repeat", "fold", "participant", "session", "run", "group", "y", "score", "threshold",
)  # fmt: skip
#: One row per feature that a step left. Coefficient per standard deviation: of the last model, in step aic alone.
#: Demographic variables are in step ``aic`` with their coefficients too. ``fold`` is ALL_SUBJECTS for as_published.
SELECTED = ("model", "scheme", "repeat", "fold", "step", "feature", "coefficient")
#: One row per model, scheme and permutation of the participants' labels; AUC of one repeat.
PERMUTATION = ("model", "scheme", "permutation", "auc")

#: `performance.tsv`, one row per model and scheme. AUC is the mean over repeats of the AUC over all out-of-fold scores.
PERFORMANCE = (
    "model", "scheme", "positive", "n_participants", "n_sessions", "n_positive", "n_negative", "repeats", "folds",
    "auc", "auc_sd_repeats",
    "auc_delong_low", "auc_delong_high", "auc_bootstrap_low", "auc_bootstrap_high",
    "auc_hanley_low", "auc_hanley_high", "confidence",
    "p_permutation", "n_permutations", "auc_permuted_mean", "auc_permuted_95",
    "threshold_rule", "threshold", "sensitivity", "sensitivity_low", "sensitivity_high",
    "specificity", "specificity_low", "specificity_high", "accuracy",
    "brier", "brier_prevalence", "calibration_intercept", "calibration_slope",
    "n_predictors", "events_per_variable", "warning",
)  # fmt: skip
#: `delong.tsv`, one row per scheme and pair of models. `difference` is model_1 minus model_2.
DELONG = (
    "scheme", "model_1", "model_2", "auc_1", "auc_2", "difference", "difference_low", "difference_high",
    "correlation", "z", "p", "p_holm",
)  # fmt: skip
#: `selection_counts.tsv`, one row per radiomic model, scheme and step; stability: Nogueira et al. 2018.
SELECTION_COUNTS = ("model", "scheme", "step", "median", "q25", "q75", "stability", "published")
#: `selection_stability.tsv`: share of training sets in which a step left the feature.
SELECTION_STABILITY = ("model", "scheme", "step", "feature", "frequency")
#: `roc.tsv`: mean over repeats, and a pointwise bootstrap band, on a grid of false positive rates.
ROC = ("model", "scheme", "fpr", "tpr", "tpr_low", "tpr_high")
#: `calibration.tsv`: bins of equal count of the scores of all repeats, five participants each at least.
CALIBRATION = ("model", "scheme", "bin", "mean_score", "observed", "n")
#: `decision_curve.tsv`: net benefit at a threshold probability, with that of calling everybody positive.
DECISION = ("model", "scheme", "threshold", "net_benefit", "net_benefit_all")
#: `site.tsv`, one row per column of sites: how well the site alone tells the diagnosis, and who comes from where.
SITE = ("column", "n_sites", "auc", "auc_chance", "p", "tied", "participants")
#: `confounding.tsv`: AUC gain of the hybrid model over the demographic one, with these variables left out of both.
CONFOUNDING = (
    "scheme", "left_out", "auc_demographic", "auc_hybrid", "gain", "gain_low", "gain_high", "p",
)  # fmt: skip
