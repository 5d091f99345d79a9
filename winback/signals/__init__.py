"""Early-warning signals: the registry, how often each was right, and when one is an alarm."""
