"""The wizard: one step a file, and the few widgets they share."""
