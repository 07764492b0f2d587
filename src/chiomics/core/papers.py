"""What a paper is to the workflow: one record that everything loops over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Paper:
    """A published study that a cohort may serve.

    Parameters
    ----------
    title : str
        First author and year.
    lacking : callable
        Gives what the cohort lacks for it in one sentence, an empty string where it lacks nothing.
    targets : callable
        Gives the files that its target makes.
    workflow_figure : str, optional
        Its figure that shows the steps, without the ending; drawn from the workflow's own graph.
    presets : mapping
        Presets of the radiomics stage that it reads, with their options.
    echo_sets : mapping
        Echo sets that it compares, as echo numbers from 1.
    from_features : bool
        Whether a table of features serves it as well as images do.
    """

    title: str
    lacking: Callable[[], str]
    targets: Callable[[], list[str]]
    workflow_figure: str | None = None
    presets: Mapping[str, Any] = field(default_factory=dict)
    echo_sets: Mapping[str, list[int]] = field(default_factory=dict)
    from_features: bool = False
