"""What belongs to a terminal: safe output, signals, a terminal that goes away, themes."""
