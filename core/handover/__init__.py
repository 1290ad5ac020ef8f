"""The hand-over to Vestige: the settings that make it use the new store, their file, and a trial of them."""
