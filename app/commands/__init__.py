"""One module per group of commands; a command is a function of its parsed arguments, returning its exit code."""
