"""The campaign file: what it may say, how it is read, and when it is due."""
