"""The library of the course on recurrent neural networks: what a lesson runs and a lab is checked against.

``rnnlib.scratch``  gradients by hand, one source for NumPy arrays and torch tensors (never loads torch)
``rnnlib.nn``       the same systems as PyTorch modules, CPU and GPU
``rnnlib.data``     tasks and corpora
``rnnlib.train``    the one training loop
``rnnlib.viz``      figures of the course
"""

__version__ = "0.1.0"
