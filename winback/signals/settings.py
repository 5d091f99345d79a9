"""Which early-warning signals are alarms, as winback.toml says it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from winback.campaigns.values import PositiveShare, Share
from winback.errors import nearest


def _known(name: str) -> str:
    from winback.signals.registry import SIGNALS  # brings Polars (0.1 s), and every command reads the settings

    names = [each.name for each in SIGNALS]
    if name not in names:
        near = nearest(name, names)
        hint = f"; did you mean '{near}'?" if near else ""
        raise ValueError(f"is no signal (allowed: {', '.join(names)}{hint})")
    return name


SignalName = Annotated[str, AfterValidator(_known)]


class Thresholds(BaseModel):
    """Shares of the active customers, 0-1: from ``on`` up it is an alarm, from ``off`` down no longer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    on: PositiveShare
    off: Share

    @model_validator(mode="after")
    def _apart(self) -> "Thresholds":
        if self.off >= self.on:
            raise ValueError("off must be below on: an alarm that is cleared where it is raised wavers")
        return self


class SignalSettings(BaseModel):
    """What winback.toml says of early warnings: the window they compare, and which are alarms from when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    window_days: int = Field(default=90, ge=1, le=3650)
    alarms: dict[SignalName, Thresholds] = Field(default_factory=dict)
