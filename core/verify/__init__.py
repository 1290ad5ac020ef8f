"""Compares every value at the destination with what the source says it should be."""
