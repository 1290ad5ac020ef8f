"""Embedding the memories at the destination with another model: embedders, the pass, and the swap."""
