"""What a campaign would do and say, before anything is spent."""
