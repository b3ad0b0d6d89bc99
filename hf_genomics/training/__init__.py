"""Optimizers, recipes and the Trainer."""
