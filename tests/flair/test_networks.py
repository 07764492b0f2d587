"""Networks: the published sizes, views that see what they claim, and weights that load where they fit."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.learning.resnet import BLOCKS, ResNet, count_parameters  # noqa: E402
from chiomics.flair.study.networks.architectures import TwoViews, build_network  # noqa: E402
from chiomics.flair.study.networks.augment import Images  # noqa: E402
from chiomics.flair.study.networks.training import load_initial_weights  # noqa: E402
from chiomics.flair.wang2020.tables import PUBLISHED_NETWORK  # noqa: E402

SEOK_NETWORK = {"pixels": 128, "widths": (64, 128, 256, 512)}


@pytest.mark.parametrize(
    ("arm", "count"),
    [
        ("3d-18", 33_161_026),  # of MONAI's ResNet-18 with one channel and two classes
        ("3d-34", 63_470_658),
        # torchvision's ResNet-18 (11,689,512) without stem (9,536) and last layer (513,000), and two blocks of
        # 100 × 32 × 49 weights and 64 of batch normalisation, and 1,026 of the last layer
        ("2v-18", 11_689_512 - 9_536 - 513_000 + 2 * (156_800 + 64) + 1_026),
        ("2v-34", 21_797_672 - 9_536 - 513_000 + 2 * (156_800 + 64) + 1_026),
    ],
)
def test_parameters(arm: str, count: int) -> None:
    assert count_parameters(build_network(arm, PUBLISHED_NETWORK)) == count


def test_parameters_of_five_channels() -> None:
    # torchvision's ResNet-18 with two more input channels in the first convolution, and two outputs
    expected = 11_689_512 + 2 * 64 * 49 - 513_000 + 1_026
    assert count_parameters(build_network("seok", SEOK_NETWORK)) == expected == 11_183_810


def test_a_view_mixes_sections_along_its_axis_alone() -> None:
    """A view is a convolution over the other two axes: it is blind to nothing, and its axis has no order in space."""
    torch.manual_seed(0)
    views = TwoViews(16, (0, 1), 3).eval()
    x = torch.randn(2, 1, 16, 16, 16)
    whole = views(x)
    assert whole.shape == (2, 6, 4, 4)
    order = torch.randperm(16)
    with torch.no_grad():
        views.blocks[0][0].weight.copy_(views.blocks[0][0].weight[:, order])
    shuffled = views(x[:, :, order])  # sections and kernels in the same new order
    torch.testing.assert_close(shuffled[:, :3], whole[:, :3], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(shuffled[:, 3:], whole[:, 3:], atol=1e-3)


def test_published_picture_has_32_pixels() -> None:
    assert TwoViews(100, (0, 1), 32)(torch.zeros(1, 1, 100, 100, 100)).shape == (1, 64, 32, 32)


@pytest.mark.parametrize("compression", ["stem", "rgb"])
def test_imagenet_weights_load_behind_the_compression(tmp_path, compression: str) -> None:
    torch.manual_seed(1)
    donor = ResNet(3, 1000)
    torch.save(donor.state_dict(), tmp_path / "resnet18.pth")
    assert len(donor.state_dict()) == 122  # as torchvision's
    settings = {**PUBLISHED_NETWORK, "edge": 24, "compression": compression}
    settings["pretrained"] = {"18": str(tmp_path / "resnet18.pth")}
    model = build_network("2v-18-imagenet", settings)
    before = model.views.blocks[0][0].weight.clone()
    load_initial_weights(model, "2v-18-imagenet", settings, heads=None)
    torch.testing.assert_close(model.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)
    torch.testing.assert_close(model.views.blocks[0][0].weight, before)
    assert model.fc.weight.shape == (2, 512)
    if compression == "rgb":
        torch.testing.assert_close(model.conv1.weight, donor.conv1.weight)


def test_weights_of_another_depth_are_refused(tmp_path) -> None:
    torch.save(ResNet(3, 1000, blocks=BLOCKS[34]).state_dict(), tmp_path / "resnet34.pth")
    settings = {**PUBLISHED_NETWORK, "edge": 24, "pretrained": {"18": str(tmp_path / "resnet34.pth")}}
    with pytest.raises(ValueError, match="another network"):
        load_initial_weights(build_network("2v-18-imagenet", settings), "2v-18-imagenet", settings, heads=None)


def test_augmentation_moves_and_mirrors_and_nothing_else() -> None:
    volume = torch.zeros(1, 1, 20, 20, 20)
    volume[0, 0, 5, 9, 12] = 1
    images = Images(volume, torch.zeros(1, dtype=torch.int64), 1, shift=2)
    seen = set()
    for seed in range(200):
        out = images.augment(volume.clone(), torch.Generator().manual_seed(seed))[0, 0]
        assert out.sum() == 1
        seen.add(tuple(int(place) for place in torch.nonzero(out)[0]))
    x, y, z = (np.array(sorted({place[axis] for place in seen})) for axis in range(3))
    assert x.tolist() == [3, 4, 5, 6, 7, 12, 13, 14, 15, 16]  # and mirrored: 19 - 5 ± 2
    assert y.tolist() == [7, 8, 9, 10, 11]
    assert z.tolist() == [10, 11, 12, 13, 14]


def test_slices_are_mirrored_along_columns() -> None:
    slices = torch.zeros(1, 5, 8, 8)
    slices[0, 1, 2, 1] = 1
    images = Images(slices, torch.zeros(1, dtype=torch.int64), 1)
    out = {
        tuple(torch.nonzero(images.augment(slices.clone(), torch.Generator().manual_seed(seed)))[0].tolist())
        for seed in range(20)
    }
    assert out == {(0, 1, 2, 1), (0, 1, 2, 6)}
