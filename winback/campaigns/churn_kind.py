"""The kinds of churn."""

from enum import StrEnum


class ChurnKind(StrEnum):
    """Seven kinds, and extortion beside them: whoever threatens to leave for a lower price."""

    NATURAL = "natural"
    COMPETITIVE = "competitive"
    FAULT = "fault"
    PASSIVE = "passive"
    RETALIATORY = "retaliatory"
    MALICIOUS = "malicious"
    HIDDEN = "hidden"
    EXTORTION = "extortion"


NO_KIND = "none"  # no rule holds
RULES_FILE = "kinds.yaml"  # of the workspace: which customers are of which kind (winback.churners.kinds)
PORTRAITS_FILE = "portraits.yaml"  # what portraits of the lost are called
NEVER = (ChurnKind.MALICIOUS, ChurnKind.EXTORTION)  # whatever a campaign says
