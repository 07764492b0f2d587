"""Figures 4 and 5 of Zhang et al. 2022, drawn from the network as it is built: shapes and parameters are its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, left_out
from chiomics.core.learning.device import torch_missing
from chiomics.rims.zhang2022.figures import draw_arrow, draw_box

IMAGE, RADIOMIC, FUSED = "#DDE8F4", "#E3F1E1", "#F8E8D8"


def draw_network(settings: Mapping[str, Any], *, features: int, patch: tuple[int, ...]) -> Figure:
    """Draw Figure 4: both branches, their fusion and the classifier."""
    if why := torch_missing():
        return left_out(why)
    found, total = trace(settings, features=features, patch=patch)
    stages = [name for name in found if name.startswith("image.")]
    with figure_style():
        figure = blank(height=3.0)
        axis = figure.subplots()
        upper = [
            ("χ and FLAIR", found["input"], None),
            *((name.removeprefix("image."), *found[name]) for name in stages),
        ]
        columns = len(upper)
        for place, (name, shape, count) in enumerate(upper):
            _layer(axis, place, 2, name, shape, count, IMAGE)
        lower = [("χ and mask", f"{features} features", None), ("perceptron", *found["radiomic"])]
        for place, row in zip((0, columns / 2), lower, strict=True):
            _layer(axis, place, 0, *row, RADIOMIC)
        joined = [(f"fusion:\n{settings['fusion']}", found["fused"], None), ("DeepSMOTE", *found["deepsmote"])]
        joined.append(("classifier", *found["classify"]))
        for step, row in enumerate(joined):
            _layer(axis, columns + 0.35 + step * 1.1, 1, *row, FUSED)
        for place in range(1, columns):
            draw_arrow(axis, (place - 0.55, 2), (place - 0.45, 2))
        draw_arrow(axis, (0.45, 0), (columns / 2 - 0.45, 0))
        draw_arrow(axis, (columns - 0.55, 2), (columns + 0.2, 1.38))
        draw_arrow(axis, (columns / 2 + 0.45, 0), (columns + 0.2, 0.62))
        for step in range(1, 3):
            draw_arrow(axis, (columns + 0.35 + step * 1.1 - 0.65, 1), (columns + 0.35 + step * 1.1 - 0.45, 1))
        axis.set_xlim(-0.55, columns + 3.1)
        axis.set_ylim(-0.6, 2.6)
        axis.set_axis_off()
        size = settings["size"]
        add_note(
            figure,
            f"Size `{size}`: {total:,} parameters in all. Boxes: channels and voxels that a layer gives of one lesion, "
            "its parameters in brackets.",
        )
    return figure


def draw_deepsmote(settings: Mapping[str, Any], *, features: int, patch: tuple[int, ...]) -> Figure:
    """Draw Figure 5: the layer that makes rim lesions in training."""
    if why := torch_missing():
        return left_out(why)
    found, _ = trace(settings, features=features, patch=patch)
    made = {"paper": "2n", "code": "3n", "off": "0"}[settings["deepsmote"]]
    neighbours = {"paper": "two nearest\nothers", "code": "itself and\ntwo nearest", "off": "none"}[
        settings["deepsmote"]
    ]
    with figure_style():
        figure = blank(height=2.2)
        axis = figure.subplots()
        latent = found["deepsmote"][0]
        boxes = [
            (0.0, 1.0, f"N lesions\n× {found['fused']}"), (1.35, 1.0, f"2 × linear, batch\nnorm, SiLU\n→ {latent}"),
            (2.7, 0.3, "n rim lesions\nof the batch"), (4.05, 0.3, f"distances;\n{neighbours}"),
            (5.4, 0.3, "x̃ = α x + (1 − α) xₖ\nα ~ U(0, 1)"), (6.75, 1.0, f"N + {made} lesions\nin training"),
        ]  # fmt: skip
        for x, y, text in boxes:
            draw_box(axis, (x, y), (1.15, 0.5), text, colour=FUSED)
        draw_arrow(axis, (0.575, 1.0), (0.775, 1.0))
        draw_arrow(axis, (1.925, 1.0), (6.175, 1.0))
        draw_arrow(axis, (1.925, 0.85), (2.3, 0.55))
        for x in (2.7, 4.05):
            draw_arrow(axis, (x + 0.575, 0.3), (x + 0.775, 0.3))
        draw_arrow(axis, (5.8, 0.55), (6.175, 0.85))
        axis.set_xlim(-0.65, 7.4)
        axis.set_ylim(-0.1, 1.4)
        axis.set_axis_off()
        add_note(figure, "Needs three rim lesions in the batch. When lesions are predicted the layer only transforms.")
    return figure


def trace(settings: Mapping[str, Any], *, features: int, patch: tuple[int, ...]) -> tuple[dict[str, Any], int]:
    """Build QSMRim-Net, pass one lesion through it, and note what each part gives.

    Returns
    -------
    found : dict
        `input` and `fused` as text; (output shape, parameters) of the image stages, `radiomic`, `deepsmote` and
        `classify`.
    total : int
        Parameters of the whole network.
    """
    import torch

    from chiomics.core.learning.resnet import count_parameters
    from chiomics.rims.detectors.network import build_network, crop_box
    from chiomics.rims.networks.fusion_net import SIZES

    model = build_network("qsmrim", settings, features=features, patch=patch).eval()
    stages = [f"layer{number}" for number in range(1, model.image.stages + 1)]
    parts = {"image.stem": model.image.maxpool, **{f"image.{name}": getattr(model.image, name) for name in stages}}
    parts |= {"radiomic": model.radiomic, "deepsmote": model.deepsmote.transform, "classify": model.classify}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in parts.items():
        part.register_forward_hook(
            lambda module, given, output, name=name: shapes.update({name: tuple(output.shape[1:])})
        )
    space = [box.stop - box.start for box in crop_box(patch, SIZES[settings["size"]].crop)]
    with torch.no_grad():
        model(torch.zeros(1, 2, *space), torch.zeros(1, features))
    found: dict[str, Any] = {name: (_say_shape(shapes[name]), count_parameters(part)) for name, part in parts.items()}
    found["image.stem"] = (
        found["image.stem"][0],
        count_parameters(model.image.conv1) + count_parameters(model.image.bn1),
    )
    found["input"] = _say_shape((2, *space))
    found["fused"] = str(model.deepsmote.transform[0].in_features)
    return found, count_parameters(model)


def _say_shape(shape: tuple[int, ...]) -> str:
    channels, *space = shape
    return f"{channels}" + (f"\n{'×'.join(map(str, space))}" if space else "")


def _layer(axis: Any, place: float, row: float, name: str, shape: str, count: int | None, colour: str) -> None:
    text = f"{name}\n{shape}" + ("" if count is None else f"\n({count:,})")
    draw_box(axis, (place, row), (0.9, 0.75), text, colour=colour)
