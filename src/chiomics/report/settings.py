"""Settings of the stage; see config/README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SiteSettings:
    """The section ``site``: of which sessions the pages hold volumes to look through."""

    volumes: Literal["all", "failed", "none"] = "all"
