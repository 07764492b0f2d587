"""The training loop: the same numbers again, after a kill too."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.errors import InputError  # noqa: E402
from chiomics.core.learning.checkpoints import name_checkpoint  # noqa: E402
from chiomics.core.learning.fit import fit  # noqa: E402
from tests.core.learning.small_study import Points, loss_of, make_network, make_plan  # noqa: E402


def numbers(history):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history.epochs]


def equal(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_training_learns_and_repeats_bit_for_bit():
    models = [make_network() for _ in range(2)]
    histories = [fit(model, Points(), make_plan(), seed=1) for model in models]
    assert equal(*models)
    assert numbers(histories[0]) == numbers(histories[1])
    assert histories[0].epochs[-1]["loss"] < histories[0].epochs[0]["loss"]


def test_another_seed_gives_other_weights():
    models = [make_network() for _ in range(2)]
    for seed, model in enumerate(models):
        fit(model, Points(), make_plan(1), seed=seed)
    assert not equal(*models)


@pytest.mark.parametrize("keep_best", [False, True])
def test_a_training_killed_in_an_epoch_ends_with_the_same_bits(tmp_path, keep_best):
    def score(model):
        return -(model(Points().x)[:, 0].sigmoid() - Points().y).abs().mean().item()

    plan = make_plan(score=score, keep_best=keep_best)
    whole, cut, steps = make_network(), make_network(), []
    expected = fit(whole, Points(), plan, seed=5)

    def killed_later(model, batch):
        steps.append(1)
        if len(steps) > 14:  # four batches an epoch: within the fourth
            raise KeyboardInterrupt
        return loss_of(model, batch)

    file = tmp_path / "training.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(cut, Points(), dataclasses.replace(plan, loss=killed_later), seed=5, checkpoint=file)
    torch.rand(7)
    resumed, seen = make_network(seed=9), []
    history = fit(resumed, Points(), plan, seed=5, checkpoint=file, progress=seen.append)
    assert [record["epoch"] for record in seen] == [4, 5, 6]
    assert equal(whole, resumed)
    assert numbers(history) == numbers(expected)
    again = make_network(seed=9)
    assert numbers(fit(again, Points(), plan, seed=5, checkpoint=file)) == numbers(expected)
    assert equal(whole, again)


def test_the_best_epoch_is_kept():
    scores = iter([0.2, 0.9, 0.9, 0.1])
    best, two = make_network(), make_network()
    fit(best, Points(), make_plan(4, score=lambda model: next(scores), keep_best=True), seed=1)
    plan = make_plan(2)
    fit(two, Points(), dataclasses.replace(plan, schedule=lambda epoch, epochs: make_plan().schedule(epoch, 4)), seed=1)
    assert equal(best, two)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(4)
    expected = torch.rand(3)
    model = make_network()
    torch.manual_seed(4)
    fit(model, Points(), make_plan(1), seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_the_rate_falls_at_the_milestones():
    rates = [record["lr"] for record in fit(make_network(), Points(), make_plan(10), seed=0).epochs]
    assert rates == pytest.approx([1e-2] * 5 + [1e-3] * 2 + [1e-4] * 2 + [1e-5])


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    file = tmp_path / "other.pt"
    fit(torch.nn.Sequential(torch.nn.Linear(4, 1)), Points(), make_plan(1), seed=0, checkpoint=file)
    with pytest.raises(InputError, match="checkpoint is not one of this training"):
        fit(make_network(), Points(), make_plan(1), seed=0, checkpoint=file)
    file.write_bytes(b"cut")
    with pytest.raises(InputError, match=r"other\.pt"):
        fit(make_network(), Points(), make_plan(1), seed=0, checkpoint=file)


def test_a_loss_that_is_not_finite_stops_with_its_place():
    def broken(model, batch):
        loss, counts = loss_of(model, batch)
        return loss * float("nan"), counts

    with pytest.raises(InputError, match="epoch 1, step 1"):
        fit(make_network(), Points(), dataclasses.replace(make_plan(1), loss=broken), seed=0)


def test_progress_tells_loss_and_time_left():
    seen = []
    fit(make_network(), Points(), make_plan(3), seed=0, progress=seen.append)
    assert [record["epoch"] for record in seen] == [1, 2, 3]
    assert all({"loss", "seconds_left"} <= record.keys() for record in seen)
    assert seen[-1]["seconds_left"] == 0


def test_checkpoints_are_named_after_settings_and_data():
    rows = np.arange(6.0)
    names = [
        name_checkpoint("folder", {"arm": "a", "seed": 1}, rows),
        name_checkpoint("folder", {"arm": "a", "seed": 2}, rows),
        name_checkpoint("folder", {"arm": "a", "seed": 1}, rows + 1),
        name_checkpoint("folder", {"arm": "a", "seed": 1}, rows.reshape(2, 3)),
    ]
    assert len(set(names)) == 4
    assert name_checkpoint("folder", {"seed": 1, "arm": "a"}, rows.copy()) == names[0]
