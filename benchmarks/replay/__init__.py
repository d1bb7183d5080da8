"""Traces of real traffic, adversarial traffic, and the replay model that prices policies."""
