"""A published number, compared to exactly the digits that were printed."""

from decimal import Decimal
from typing import Any

import pytest


def printed(text: str) -> Any:
    """Equal to ``text`` within half a unit of its last digit ("-0.0972749", "5.6852e-112", "36,671.16")."""
    number = Decimal(text.replace(",", ""))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    half_unit = Decimal("0.5000001").scaleb(exponent)
    return pytest.approx(float(number), rel=0, abs=float(half_unit))
