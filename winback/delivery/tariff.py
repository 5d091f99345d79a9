"""What messages cost and on whose day they count; the settings know it, so it imports nothing heavy."""

from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from winback.channel import Channel


class Tariff(NamedTuple):
    """How a message is counted that no claim counts: the zone of its day, and channel -> price of one unit.

    In millionths of a major unit; a unit is an e-mail or one segment of a text message.
    """

    zone: ZoneInfo
    price_micros: Mapping[Channel, int]
