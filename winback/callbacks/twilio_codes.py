"""Twilio's error codes that speak of the number itself: https://www.twilio.com/docs/api/errors

All others (30007 filtered, 30034 not registered, ...) speak of us.
"""

DEAD_NUMBERS = frozenset(  # for good
    {
        "21211",  # not a valid number
        "21614",  # not a mobile number
        "21635",  # a landline
        "30005",  # unknown handset
        "30006",  # landline or a carrier that cannot be reached
    }
)
PASSING = frozenset(  # for now
    {
        "",
        "30003",  # switched off or out of reach
        "30004",  # blocked
        "30008",  # unknown
    }
)
