"""Benchmark data sets: builders, the simulator, and the folders they write."""
