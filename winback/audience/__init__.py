"""Who is written to, who is held out, and for everybody else the first reason why not."""
