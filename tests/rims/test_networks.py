"""Networks of rim lesions: parameters, DeepSMOTE, augmentation."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.learning.resnet import count_parameters  # noqa: E402
from chiomics.rims.networks.augment import Augmentation, augment, blur  # noqa: E402
from chiomics.rims.networks.deepsmote import DeepSMOTE, oversample  # noqa: E402
from chiomics.rims.networks.fusion_net import SIZES, FusionNet  # noqa: E402
from chiomics.rims.networks.rimnet import RimNet  # noqa: E402

PUBLISHED = SIZES["published"]


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"features": 527}, 35_105_793),
        ({"features": 527, "fusion": "add"}, 34_843_649),
        ({"features": 527, "images": "none"}, 1_661_697),
    ],
)
def test_published_sizes_have_their_parameters(options, parameters):
    assert count_parameters(FusionNet(PUBLISHED, **options)) == parameters


def test_rimnet_has_its_parameters_and_takes_odd_patches():
    assert count_parameters(RimNet((32, 32, 16))) == 1_830_276
    logits, _ = RimNet((10, 9, 5), widths=(2, 2, 2))(torch.randn(3, 2, 10, 9, 5))
    assert logits.shape == (3,)


@pytest.mark.parametrize("images", ["concat", "rimnet", "none"])
@pytest.mark.parametrize("fusion", ["concat", "add"])
def test_every_form_gives_a_logit_per_lesion(images, fusion):
    net = FusionNet(SIZES["demo"], features=5, images=images, fusion="concat" if images == "rimnet" else fusion).eval()
    logits, labels = net(torch.randn(2, 2, 24, 24, 12), torch.randn(2, 5), torch.tensor([0.0, 1.0]))
    assert logits.shape == labels.shape == (2,)


def test_made_lesions_lie_between_a_rim_lesion_and_one_of_its_two_nearest():
    # four rim lesions on a line at 0, 1, 3 and 7, and one lesion without a rim among them
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0], [7.0]])
    labels = torch.tensor([1.0, 1, 0, 1, 1])
    nearest = {0: (1, 3), 1: (0, 3), 3: (1, 0), 7: (3, 1)}
    out, seen = oversample(x, labels, mode="paper")
    assert len(out) == 5 + 2 * 4
    assert torch.equal(out[:5], x)
    assert torch.equal(seen[5:], torch.ones(8))
    for number, start in enumerate([0, 1, 3, 7]):
        for made, partner in zip(out[5 + 2 * number : 7 + 2 * number, 0], nearest[start], strict=True):
            assert min(start, partner) <= made <= max(start, partner)


def test_the_published_code_adds_copies():
    x = torch.randn(6, 4)
    out, _ = oversample(x, torch.ones(6), mode="code")
    assert len(out) == 6 + 18
    # α x + (1 − α) x is x to rounding
    torch.testing.assert_close(out[6::3], x)


def test_nothing_is_made_from_two_rims_nor_when_lesions_are_predicted():
    x, labels = torch.randn(5, 4), torch.tensor([1.0, 1, 0, 0, 0])
    assert len(oversample(x, labels, mode="paper")[0]) == 5
    assert len(oversample(x, torch.ones(5), mode="off")[0]) == 5
    layer = DeepSMOTE(4, 4, "paper")
    assert len(layer.eval()(x, torch.ones(5))[0]) == 5
    assert len(layer.train()(x, torch.ones(5))[0]) == 15


def test_the_gradient_of_a_made_lesion_reaches_both_parents():
    x = torch.randn(3, 4, requires_grad=True)
    oversample(x, torch.ones(3), mode="paper")[0][3].sum().backward()
    assert (x.grad.abs().sum(dim=1) > 0).sum() == 2
    assert x.grad.sum() == pytest.approx(4)


def test_blur_equals_scipys_with_its_cut():
    image = torch.randn(2, 1, 16, 16, 8)
    sigmas = torch.tensor([[0.9, 0.3, 0.2], [0.1, 0.95, 0.03]])
    ours = blur(image, sigmas).numpy()
    for number in range(2):
        wanted = image[number, 0].double().numpy()
        for axis in range(3):
            wanted = gaussian_filter1d(wanted, float(sigmas[number, axis]), axis=axis, mode="constant")
        np.testing.assert_allclose(ours[number, 0], wanted, atol=1e-5)  # float32


def test_augmentation_without_change_is_the_identity_and_a_flip_only_mirrors():
    generator = torch.Generator().manual_seed(0)
    images, masks = torch.randn(4, 2, 8, 8, 4), torch.randint(0, 2, (4, 8, 8, 4))
    same = Augmentation(flip=0, affine=0, blur=0)
    out, inside = augment(images, masks, (0.75, 0.75, 3.0), same, generator)
    # nothing is interpolated: the same bits
    torch.testing.assert_close(out, images, atol=0, rtol=0)
    torch.testing.assert_close(inside, masks.float(), atol=0, rtol=0)
    out, _ = augment(images, masks, (0.75, 0.75, 3.0), Augmentation(flip=1, affine=0, blur=0), generator)
    for before, after in zip(images, out, strict=True):
        assert any(torch.equal(before.flip(axis + 1), after) for axis in range(3))
    # through an affine map that changes nothing flips are the same ones, but for rounding
    still = Augmentation(flip=1, affine=1, blur=0, scale=0, degrees=0)
    first, second = (
        augment(images, masks, (0.75, 0.75, 3.0), how, torch.Generator().manual_seed(3))
        for how in (still, Augmentation(flip=1, affine=0, blur=0))
    )
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_an_affine_map_of_some_patches_leaves_the_others_and_is_what_all_would_get():
    images, masks = torch.randn(6, 2, 8, 8, 4), torch.randint(0, 2, (6, 8, 8, 4))
    some, every = (
        augment(images, masks, (0.75, 0.75, 3.0), Augmentation(flip=0.5, affine=share, blur=0), generator)[0]
        for share, generator in ((0.5, torch.Generator().manual_seed(5)), (1.0, torch.Generator().manual_seed(5)))
    )
    same = [torch.allclose(a, b, atol=1e-6) for a, b in zip(some, every, strict=True)]
    assert 0 < sum(same) < 6
    for before, after, mapped in zip(images, some, same, strict=True):
        mirrored = (before, *(before.flip(axis + 1) for axis in range(3)))
        assert any(torch.equal(each, after) for each in mirrored) != mapped


def test_rotation_keeps_distances_in_mm_on_long_voxels():
    # a ball in space, egg-shaped in voxels, stays where it is when it turns
    at = np.stack(np.meshgrid(np.arange(32) - 15.5, np.arange(32) - 15.5, (np.arange(16) - 7.5) * 4, indexing="ij"))
    ball = torch.tensor(np.exp(-0.5 * (at**2).sum(axis=0) / 6**2), dtype=torch.float32)[None, None]
    how = Augmentation(flip=0, affine=1, blur=0, scale=0, degrees=40)
    out, _ = augment(ball, torch.ones(1, 32, 32, 16), (0.75, 0.75, 3.0), how, torch.Generator().manual_seed(1))
    # linear interpolation errs by h²/8 times the second derivative at the most: slices of 4, σ of 6
    assert float((out - ball).abs().max()) < (4 / 6) ** 2 / 8
    out, _ = augment(ball, torch.ones(1, 32, 32, 16), (1.0, 1.0, 1.0), how, torch.Generator().manual_seed(1))
    assert float((out - ball).abs().max()) > 0.1
