"""Recurrent networks with gradients by hand: one source for NumPy arrays and torch tensors.

Every module is read in the same order: one step, the whole sequence, its gradient. Nothing here imports torch.

A bad argument raises a `TypeError` (wrong kind or dtype) or a `ValueError` (wrong shape or value). The message names the argument,
what was expected and what was given: ``W_x: expected shape (3, 16), got (16, 3)``.
A docstring lists under Raises only what goes beyond that.
"""
