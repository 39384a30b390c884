"""Recurrent networks with gradients by hand: one source for NumPy arrays and torch tensors.

Every module is read in the same order: one step, the whole sequence, its gradient. Nothing here imports torch.
"""
