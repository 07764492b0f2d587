"""Networks, samplers, weights and saliency."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.errors import InputError, SettingError  # noqa: E402
from chiomics.core.learning.device import choose_device, seeded  # noqa: E402
from chiomics.core.learning.gradcam import gradcam  # noqa: E402
from chiomics.core.learning.resnet import BLOCKS, ResNet, count_parameters  # noqa: E402
from chiomics.core.learning.sampling import random_batches, stratified_batches  # noqa: E402
from chiomics.core.learning.weights import fill_network, load_model, load_pretrained, save_model  # noqa: E402


@pytest.mark.parametrize(("depth", "published"), [(18, 11_689_512), (34, 21_797_672)])
def test_2d_networks_have_the_parameters_of_torchvision(depth, published):
    network = ResNet(3, 1000, blocks=BLOCKS[depth])
    assert count_parameters(network) == published
    names = network.state_dict()
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias", "fc.bias"} <= set(
        names
    )


def test_3d_network_with_two_channels_and_last_stride_one():
    network = ResNet(2, dimensions=3, strides=(1, 2, 2, 1))
    assert count_parameters(network) == 33_181_952
    with torch.no_grad():
        assert network.eval().maps(torch.zeros(1, 2, 32, 32, 16)).shape == (1, 512, 2, 2, 1)
        assert network(torch.zeros(1, 2, 32, 32, 16)).shape == (1, 512)


def test_small_network_without_pooling_keeps_the_grid():
    network = ResNet(1, 2, blocks=(1, 1), widths=(4, 8), strides=(1, 2), stem=(3, 1), pool=False)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 2)
    assert network.maps(torch.zeros(2, 1, 8, 8)).shape == (2, 8, 4, 4)


def test_random_batches_hold_every_sample_once_but_a_short_rest():
    seen = list(random_batches(21, 8, torch.Generator().manual_seed(0), min_size=8))
    assert [len(batch) for batch in seen] == [8, 8]
    seen = torch.cat(list(random_batches(21, 8, torch.Generator().manual_seed(0))))
    assert sorted(seen.tolist()) == list(range(21))


def test_stratified_batches_hold_their_share_and_every_negative_once():
    labels = torch.zeros(200)
    labels[:9] = 1
    batches = list(stratified_batches(labels, 64, torch.Generator().manual_seed(0), min_positive=3))
    assert all(int(labels[batch].sum()) >= 3 and len(batch) <= 64 for batch in batches)
    rows = torch.cat(batches)
    assert sorted(rows[labels[rows] == 0].tolist()) == list(range(9, 200))
    assert len(set(rows[labels[rows] == 1].tolist())) == 9
    with pytest.raises(InputError, match="2 positive"):
        next(stratified_batches(torch.tensor([1.0, 1, 0, 0]), 4, torch.Generator()))


def test_weights_come_back_with_their_card_and_are_checked(tmp_path):
    network, file = ResNet(1, 2, widths=(4, 4, 4, 4)), tmp_path / "model.safetensors"
    save_model(file, network.state_dict(), {"arm": "small"})
    tensors, card = load_model(file)
    assert card["arm"] == "small"
    assert all(torch.equal(tensors[name], tensor) for name, tensor in network.state_dict().items())
    first = file.read_bytes()
    save_model(file, network.state_dict(), {"arm": "small"})
    assert file.read_bytes() == first
    file.write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    with pytest.raises(InputError, match="not those that the card describes"):
        load_model(file)
    file.write_bytes(b"pickle")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(file)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_pretrained_weights_on_one_channel_equal_three_equal_channels(tmp_path, ending):
    theirs, file = ResNet(3, 10, widths=(4, 4, 4, 4)).eval(), tmp_path / f"imagenet.{ending}"
    if ending == "pth":
        torch.save(theirs.state_dict(), file)
    else:
        save_model(file, theirs.state_dict(), {})
    ours, image = ResNet(1, 2, widths=(4, 4, 4, 4)).eval(), torch.randn(2, 1, 32, 32)
    before = ours.fc.weight.clone()
    load_pretrained(ours, file)
    # float32 sums in another order
    torch.testing.assert_close(ours.maps(image), theirs.maps(image.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
    assert torch.equal(ours.fc.weight, before)


def test_pretrained_weights_of_another_network_and_pickles_are_refused(tmp_path):
    file = tmp_path / "other.pth"
    torch.save(ResNet(3, 10, blocks=BLOCKS[34], widths=(4, 4, 4, 4)).state_dict(), file)
    with pytest.raises(InputError, match="another network"):
        load_pretrained(ResNet(3, 2, widths=(4, 4, 4, 4)), file)
    torch.save(ResNet(3, 10), file)
    with pytest.raises(InputError, match="cannot be read"):
        load_pretrained(ResNet(3, 2), file)


@pytest.mark.parametrize("width", [10**5, "wide", -1, None])
def test_a_strangers_card_takes_no_memory_for_a_network_that_its_weights_do_not_fill(tmp_path, width):
    import resource

    file = tmp_path / "model.safetensors"
    save_model(file, ResNet(1, 2, widths=(4, 4, 4, 4)).state_dict(), {"width": width})
    state, card = load_model(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="card"):
        fill_network(lambda: ResNet(1, 2, widths=(card["width"],) * 4), state, file)
    with pytest.raises(InputError, match="no network"):
        fill_network(lambda: ResNet(1, 2, widths=card["absent"]), state, file)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert taken < 200_000, "kB; the widest of the networks would take 2 TB"
    filled = fill_network(lambda: ResNet(1, 2, widths=(4, 4, 4, 4)), state, file)
    assert all(torch.equal(filled.state_dict()[name], tensor) for name, tensor in state.items())


def test_gradcam_finds_the_only_place_that_counts():
    class Corner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv3d(1, 1, 1, bias=False)
            torch.nn.init.ones_(self.conv.weight)

        def forward(self, x):
            return self.conv(x).flatten(1).mean(dim=1)

    image = torch.zeros(1, 1, 4, 4, 4)
    image[0, 0, 1, 2, 3] = 5
    model = Corner()
    cam = gradcam(model, model.conv, image, lambda out: out)
    # the mean gradient of a mean over 64 voxels is 1/64
    assert cam[0, 1, 2, 3] == pytest.approx(5 / 64)
    assert torch.count_nonzero(cam) == 1


def test_an_unknown_or_absent_device_is_refused():
    with pytest.raises(SettingError, match="tpu"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(SettingError, match="lacks the device"):
            choose_device("cuda")
        assert choose_device("auto").type == "cpu"


def test_seeded_initialisation_repeats():
    networks = []
    for _ in range(2):
        with seeded(3, "initialisation"):
            networks.append(ResNet(1, 2, widths=(4, 4, 4, 4)))
    assert torch.equal(networks[0].conv1.weight, networks[1].conv1.weight)
