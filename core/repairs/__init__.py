"""Repairs: what an operator wants in place of broken values, as an overlay. The source itself stays as it is."""
