"""The figures that the panels show, read from the published tables. Pages and JSON API take them from here alone."""
