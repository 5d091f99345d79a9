"""What every part of a file that people write is made of: fields, and texts in the languages they are shown in."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from winback.campaigns.values import in_languages, one_line


class Section(BaseModel):
    """A part of a campaign file: nothing unknown, nothing coerced, nothing changed after reading."""

    # Only a whole file is ever validated: its parts need no validators of their own (a twentieth of `check`).
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class LocalName(Section):
    """A name in the languages it is shown in; English is the fallback."""

    en: Annotated[str, AfterValidator(one_line)] = Field(min_length=1, max_length=120)
    zh: Annotated[str, AfterValidator(one_line)] | None = Field(default=None, min_length=1, max_length=120)


Names = Annotated[LocalName, BeforeValidator(in_languages)]


class LocalText(Section):
    """A sentence or two in the languages it is shown in; English is the fallback."""

    en: str = Field(min_length=1, max_length=300)
    zh: str | None = Field(default=None, min_length=1, max_length=300)


Texts = Annotated[LocalText, BeforeValidator(in_languages)]
