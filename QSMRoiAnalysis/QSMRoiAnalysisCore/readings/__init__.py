"""Readings: what human readers score on images, how far they agree, and what they say together."""
