"""Who leaves and why: kinds, causes and portraits."""
