"""Write what is generated: the tables of the campaign file's fields, and its JSON Schema (`make reference`)."""

import json
import re
from pathlib import Path

from winback.campaigns.reference import conditions, table
from winback.campaigns.schema import schema
from winback.words import Language

ROOT = Path(__file__).parent.parent
PAGES: dict[Language, Path] = {
    "en": ROOT / "docs/campaign-file.md",
    "zh": ROOT / "docs/campaign-file.zh-CN.md",
}
SCHEMA = ROOT / "campaigns/campaign.schema.json"


def generated() -> dict[Path, str]:
    """File -> what should be in it."""
    pages = {
        path: _with_tables(path.read_text(encoding="utf-8"), [table(to), conditions(to)])
        for to, path in PAGES.items()
    }
    return pages | {SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"}


def _with_tables(text: str, tables: list[str]) -> str:
    """The page with its first tables replaced."""
    new = iter(tables)
    return re.sub(r"^(?:\|.*\|\n)+", lambda old: next(new, old[0]), text, flags=re.M)


if __name__ == "__main__":
    for file, content in generated().items():
        file.write_text(content, encoding="utf-8")
