"""Settings of the index, checked before anything runs; what each is for stands in config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from chiomics.core.settings import Limits

Entities = dict[str, str | int | bool | tuple[str, ...] | None]


@dataclass(frozen=True)
class IndexSettings:
    """The section ``index``: parameters of `chiomics.index.index_bids`."""

    acquisition: str | None = None
    derivatives: Literal["all"] | tuple[str, ...] = "all"
    participants: tuple[str, ...] | None = None
    sessions: tuple[str, ...] | None = None
    qc_exclude: str | None = None
    qc_accept: str | None = None
    T1w: Entities | None = None
    FLAIR: Entities | None = None
    minimum_slices: Annotated[int, Limits(1)] = 20


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``index`` do not say.

    Raises
    ------
    SettingError
        For a filter by an entity that BIDS does not know.
    """
    from chiomics.index.structural import check_filter

    for name in ("T1w", "FLAIR"):
        check_filter(name, section[name])
