"""Benchmarks: both sides in one run, equal results checked, ratios reported."""
