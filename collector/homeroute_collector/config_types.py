"""What the sections of the collector's settings share.

Guarantees: an unknown key is an error; a relative path is relative to the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseModel):
    """A section; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _beside_the_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("want a path")
    folder = info.context["folder"] if info.context else Path()
    return Path(folder, Path(value).expanduser())


SettingPath = Annotated[Path, BeforeValidator(_beside_the_file)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=255)]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
