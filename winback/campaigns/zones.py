"""Where a person's clock may stand: the zone that is known, else every zone of the country."""

from collections import defaultdict
from functools import cache, lru_cache
from importlib.resources import files

from winback.campaigns.values import check_zone
from winback.customers.countries import region_of


@lru_cache(maxsize=16_384)
def zones_of(timezone: str | None, country: str | None) -> tuple[str, ...]:
    """The zones a customer may live in; empty when neither says: then the caller takes the workspace's.

    ``timezone`` counts when it is a zone; else ``country`` (ISO code, or its English or Chinese name) stands for
    all zones that the time zone database lists for it.
    """
    if timezone and _is_zone(timezone):
        return (timezone,)
    return _zones_of_countries().get(region_of(country) or "", ())


def _is_zone(name: str) -> bool:
    try:
        check_zone(name)
    except ValueError:
        return False
    return True


@cache
def _zones_of_countries() -> dict[str, tuple[str, ...]]:
    """ISO code -> zones, from zone.tab: code, coordinates, zone, comments between tabs; # begins a comment."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            code, _, zone, *_ = line.split("\t")
            found[code].append(zone)
    return {code: tuple(zones) for code, zones in found.items()}
