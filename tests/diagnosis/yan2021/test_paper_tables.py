"""Tables 1 to 4 say what the cohort and the published summaries say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chiomics.core.left_out import LeftOut
from chiomics.core.papers import write_paper_table
from chiomics.core.scores.thresholds import Calls
from chiomics.diagnosis.figure_style import rows_of
from chiomics.diagnosis.recipe import fit_final
from chiomics.diagnosis.tables import read_table
from chiomics.diagnosis.yan2021.facts import study_facts
from chiomics.diagnosis.yan2021.published_values import read_published
from chiomics.diagnosis.yan2021.readme import write_readme
from chiomics.diagnosis.yan2021.tables import MEASURES, main_models, paper_tables, published_table1, table1, table3
from chiomics.diagnosis.yan2021.tables_markdown import tables_markdown
from chiomics.phantom.features import feature_names
from tests.diagnosis.study import DEFINITION, NUCLEI, small_study

NOTHING = LeftOut().table()


@pytest.fixture(scope="module")
def study():
    return small_study()


@pytest.fixture(scope="module")
def tables(study):
    return paper_tables(study.cohort, study.tables, study.settings)


@pytest.fixture(scope="module")
def facts(study):
    return study_facts(study.cohort, study.settings, DEFINITION, source="tests")


def test_published_summaries_give_the_printed_p_values():
    table = published_table1().set_index("variable")
    for name in ("sex", "age"):
        assert round(table.loc[name, "published_p_recomputed"], 3) == table.loc[name, "published_p"]
    # Nothing follows from medians and quartiles.
    assert table.loc[["disease_duration", "edss"], "published_p_recomputed"].isna().all()
    assert table.loc["edss", "published_NMOSD"] == "2.50 (2.00, 4.78)"


def test_published_table_4_follows_from_its_integers():
    table = read_published("table4").dropna(subset="true_positives")
    assert len(table) == 8
    for row in table.itertuples():
        calls = Calls.from_counts(int(row.true_positives), int(row.true_negatives), 47, 36)
        printed = (row.sensitivity, row.specificity, row.accuracy)
        assert tuple(round(value, 3) for value in (calls.sensitivity, calls.specificity, calls.accuracy)) == printed


def test_published_table_2_has_24_features_of_the_preset():
    table = read_published("table2")
    assert table["model"].value_counts().to_dict() == {
        "DN": 4, "GP": 4, "HCN": 3, "PUT": 3, "RN": 5, "SN": 2, "THA": 3,
    }  # fmt: skip
    assert set(table["feature"]) <= set(feature_names())


def test_table_1_tests_each_variable_as_its_values_ask_for(study):
    table = table1(study.cohort, study.settings).set_index("variable")
    groups = [study.cohort.loc[study.cohort["group"] == group] for group in ("MS", "NMOSD")]
    men = [int(part["sex"].sum()) for part in groups]
    women = [len(part) - count for part, count in zip(groups, men, strict=True)]
    assert table.loc["sex", "p"] == pytest.approx(stats.chi2_contingency([men, women], correction=False).pvalue)
    assert table.loc["sex", "MS"] == f"{men[0]}/{women[0]}"
    for name in ("age", "disease_duration", "edss"):
        values = [part[name] for part in groups]
        tests = {"t": stats.ttest_ind, "Mann-Whitney": lambda a, b: stats.mannwhitneyu(a, b, method="asymptotic")}
        assert table.loc[name, "p"] == pytest.approx(tests[table.loc[name, "test"]](*values).pvalue)
        layout = "±" if table.loc[name, "test"] == "t" else "("
        assert layout in table.loc[name, "MS"]
    # Skewed by construction: lognormal durations.
    assert table.loc["disease_duration", "test"] == "Mann-Whitney"


def test_table_1_counts_participants_and_missing_values(study):
    again = study.cohort.iloc[:5].assign(session="ses-2", age=99.0)
    twice = pd.concat([study.cohort, again], ignore_index=True)
    pd.testing.assert_frame_equal(table1(twice, study.settings), table1(study.cohort, study.settings))
    holes = study.cohort.copy()
    holes.loc[[0, 60], "edss"] = np.nan
    assert table1(holes, study.settings).set_index("variable").loc["edss", "n_missing"] == 2


def test_table_2_is_the_model_of_all_participants(study, tables):
    for name, model in main_models(study.settings).items():
        pipeline, _ = fit_final(study.cohort, model, study.settings)
        own = rows_of(tables["table2"], model=name, selected="yes")
        np.testing.assert_allclose(own["coefficient"], pipeline["logistic"].coef_[0], rtol=1e-9)
        np.testing.assert_allclose(own["odds_ratio"], np.exp(own["coefficient"]))
    nested = study.tables["selected"].query("scheme == 'nested' and step == 'aic'")
    for row in tables["table2"].itertuples():
        times = ((nested["model"] == row.model) & (nested["feature"] == row.feature)).sum()
        # Two repeats of five folds.
        assert row.nested_frequency == pytest.approx(times / 10)


def test_table_2_lists_every_published_feature_of_its_nuclei(tables):
    own = tables["table2"].query("published == 'yes'")
    assert own["model"].value_counts().to_dict() == {"RN": 5, "DN": 4}
    assert not own["feature"].duplicated().any()


def test_table_3_is_the_upper_triangle_of_delong(study):
    table = table3(study.tables["delong"], study.settings)
    assert list(table.columns) == ["source", "adjustment", "model", "RN"]
    for scheme in ("as_published", "nested"):
        pair = rows_of(study.tables["delong"], scheme=scheme, model_1="DN", model_2="RN")
        row = rows_of(table, source=scheme, adjustment="none")
        assert row["RN"].item() == pair["p"].item()
    nuclei = ["THA", "SN", "DN"]
    turned = table3(study.tables["delong"], study.settings | {"nuclei": nuclei})
    published = turned.query("source == 'published' and adjustment == 'none'").set_index("model")
    # The pair is found whatever the order of its nuclei.
    assert published.loc["THA", "SN"] == 0.042
    assert published.loc["SN", "DN"] == 0.0018
    assert np.isnan(published.loc["SN", "SN"])


def test_holms_adjustment_leaves_one_published_difference(study):
    seven = {"nuclei": ["DN", "GP", "HCN", "PUT", "RN", "SN", "THA"]}
    table = table3(study.tables["delong"], study.settings | seven)
    holm = table.query("source == 'published' and adjustment == 'Holm'").set_index("model")
    assert holm.loc["DN", "SN"] == pytest.approx(21 * 0.0018)
    assert (holm.select_dtypes("number") < 0.05).to_numpy().sum() == 1
    assert holm.select_dtypes("number").notna().to_numpy().sum() == 21


def test_table_4_sets_three_sources_side_by_side(study, tables):
    table = tables["table4"].set_index("model")
    assert list(table.index) == [*NUCLEI, "demographics", "hybrid"]
    assert table.loc["DN", "published_auc"] == 0.902
    assert np.isnan(table.loc["hybrid", "published_sensitivity"])
    performance = study.tables["performance"].set_index(["model", "scheme"])
    for (model, scheme), row in performance.iterrows():
        if model in table.index:
            for measure in MEASURES:
                name = measure.replace("auc_", "auc_delong_")
                assert table.loc[model, f"{scheme}_{measure}"] == row[name]


def test_numbers_for_reading_have_four_digits_and_whole_parts(tmp_path):
    table = pd.DataFrame({"value": [1 / 3, 1234567.89, -0.000123456, 0.0, np.nan], "n": range(5)})
    write_paper_table(table, tmp_path / "t.tsv", simulated=False)
    found = [line.split("\t")[0] for line in (tmp_path / "t.tsv").read_text().splitlines()[1:]]
    assert found == ["0.3333", "1234568.0", "-0.0001235", "0.0", "n/a"]


def test_tables_come_back_from_their_files(tables, study, tmp_path):
    for name, table in (tables | {"confounding": study.tables["confounding"]}).items():
        write_paper_table(table, tmp_path / f"{name}.tsv", simulated=True)
        found = read_table(tmp_path / f"{name}.tsv")
        assert (found.pop("subjects") == "simulated").all()
        assert list(found.columns) == list(table.columns)
        first = (tmp_path / f"{name}.tsv").read_bytes()
        write_paper_table(table, tmp_path / f"{name}.tsv", simulated=True)
        assert (tmp_path / f"{name}.tsv").read_bytes() == first
    assert list(read_table(tmp_path / "confounding.tsv")["left_out"]) == ["none", "sex"] * 2


def test_texts_say_whether_subjects_are_simulated(tables, study, facts):
    for simulated in (True, False):
        readme = write_readme(tables["table4"], study.tables, facts, NOTHING, simulated=simulated, clear="")
        for text in (readme, tables_markdown(tables, simulated=simulated)):
            assert ("simulated subjects" in text) == simulated
            assert "{" not in text


def test_the_readme_has_every_departure_and_the_null(tables, study, facts):
    text = write_readme(tables["table4"], study.tables, facts, NOTHING, simulated=True, clear="58 reported")
    places = read_published("departures")["where"]
    assert places.is_unique and len(places) >= 18
    for flag in places:
        assert f"| {flag} |" in text
    # Text beside the table: permuted labels of both schemes, over models with radiomic features.
    means = study.tables["permutation"].query("model != 'demographics'").groupby("scheme")["auc"].mean()
    assert f"{means['as_published']:.2f} as" in text
    assert f"{means['nested']:.2f} nested" in text
    # Five permutations of a cohort of 83: far apart all the same, which is the point of the table.
    assert means["as_published"] > means["nested"] + 0.1
