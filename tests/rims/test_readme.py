"""The README's first lines: the honest order of the methods."""

import pandas as pd

from chiomics.rims.evaluation.agreement import detector_agreement
from chiomics.rims.evaluation.chance import leak_check
from chiomics.rims.zhang2022.readme import departures_of, say_agreement, say_leak, say_order
from chiomics.rims.zhang2022.tables import table2
from tests.rims.test_evaluation import make_calls

FACTS = {"share": 0.1}


def say(left_out=(), **areas):
    return say_order(pd.DataFrame({"arm": list(areas), "pr_auc": list(areas.values())}), FACTS, list(left_out))


def test_the_order_is_that_of_the_areas_and_a_network_that_loses_is_named():
    text = say(mean_chi=0.3, qsmrim=0.7, reference=0.9)
    places = [text.index(words) for words in ("forest, nine", "QSMRim-Net 0.70", "mean χ alone 0.30")]
    assert places == sorted(places)
    assert "QSMRim-Net, does not beat forest" in text


def test_what_is_no_better_than_mean_chi_or_adds_nothing_is_named():
    text = say(mean_chi=0.5, qsmrim=0.4, aprl_nn=0.6)
    assert "No better than the mean χ: QSMRim-Net" in text
    assert "Images add nothing here" in text
    assert "Images add nothing" not in say(mean_chi=0.3, qsmrim=0.7, aprl_nn=0.6)


def test_arms_without_torch_are_named():
    assert "PyTorch is not installed: RimNet" in say(mean_chi=0.3, reference=0.8, left_out=["rimnet"])


def test_table_2_has_published_rows_of_arms_that_were_not_trained():
    from chiomics.rims.evaluation.lesion_level import curves, performance

    calls = make_calls([30, 10, 10, 350])
    table = table2(performance(calls, draws=20, seed=0)[0], curves(calls)[1]).set_index("arm")
    assert table.loc["rimnet", "threshold"] == "not run here"
    assert table.loc["rimnet", "paper_tp"] == 116
    assert round(float(table.loc["qsmrim", "recomputed_f1"].iloc[0]), 3) == 0.704


def test_the_raters_and_the_detectors_are_named_with_their_agreement():
    calls = make_calls([30, 10, 10, 350])
    table = calls.assign(rater_A=calls["label"], rater_B=calls["call_inner"])
    text = say_agreement(detector_agreement(calls, table))
    assert "QSMRim-Net 0.72" in text  # observed .95, by chance .82
    assert "A and B 0.72" in text
    assert "with each other" not in say_agreement(detector_agreement(calls, calls))


def test_a_leak_is_named_by_its_interval_and_none_is_no_licence():
    def said(*differences):
        chance = pd.DataFrame(
            [
                {"arm": "aprl_rf", "scheme": scheme, "number": number, "auc": value + 0.05, "ap": value}
                for number, difference in enumerate(differences)
                for scheme, value in (("subject_split", 0.9), ("lesion_split", 0.9 + difference), ("permuted", 0.45))
            ]
        )
        return say_leak(leak_check(chance), chance)

    # three pairs: t is 4.303, the SD .01, so that the mean ± .025
    text = said(0.04, 0.05, 0.06)
    assert "APRL (RF) PR AUC 0.950 in place of 0.900, difference +0.050 (+0.025 to +0.075)" in text
    assert "AUC 1.000 in place of 0.950" in text
    assert "AUC with labels permuted 0.50" in text
    assert "A split of lesions flatters APRL (RF)." in said(0.04, 0.05, 0.06)
    assert "no licence" not in said(0.04, 0.05, 0.06)
    assert "shows no leak for APRL (RF). That is no licence" in said(-0.01, 0.0, 0.01)


def test_a_small_network_is_a_departure_and_the_published_size_none():
    small, published = departures_of({"size": "demo"}), departures_of({"size": "published"})
    assert len(small) == len(published) + 1
    assert "numbers say nothing about the published one" in small["here"].iloc[0]
    assert not published["here"].str.contains("small network").any()
