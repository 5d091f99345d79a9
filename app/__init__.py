"""What people and providers touch: command line, callbacks, scheduler."""
