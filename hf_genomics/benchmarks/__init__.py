"""Benchmark data sets: the simulator and the folders it writes."""
