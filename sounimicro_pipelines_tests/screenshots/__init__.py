"""The pictures in the README, and the script that takes them from a demo: `make screenshots`."""
