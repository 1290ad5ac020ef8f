"""Stylesheets and other data files of the wizard."""
