"""The pictures in the README, and the script that takes them of a running demo."""
