"""How customers are shared out between those written to and those left alone."""

MOST_HELD_OUT = 0.5  # beyond a half, holding out more costs more and shows less
