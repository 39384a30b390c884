"""A picture as a sequence: each pixel given all those before it."""

import numpy as np
import torch
import torch.nn.functional as F

from rnnlib.checks import check_choice, check_ids, check_number
from rnnlib.nn.cells import CELLS
from rnnlib.nn.module import Module, check_token_ids, token_loss, uniform_
from rnnlib.scratch.decode import distribution, draw


class PixelRNN(Module):
    r"""Density of pictures, pixel after pixel in rows from the top left.

    .. math:: p(v) = \prod_t p(v_t \mid v_1, \dots, v_{t-1}), \qquad \text{logits}_t = h_t W_{hy} + b_y

    The input of step t holds, as one-hot vectors, the pixel before, the pixel above, the row, the column and the class; outside the
    picture there is nothing. All that lies further back is the state's to keep.

    Parameters
    ----------
    height, width, H : int
        Sizes of the pictures and of the state.
    levels : int
        Values that a pixel can take.
    n_classes : int
        Classes that a picture can be asked of; 0 for none.
    cell : {"lstm", "gru", "rnn"}
    **options
        Of `LSTM`, `GRU` or `RNN`: ``num_layers``, ``impl``...

    Attributes
    ----------
    layer : LSTM, GRU or RNN
        Of input size D = 2 · levels + height + width + n_classes.
    W_hy, b_y : Parameter of shape (H, levels), (levels,)

    Notes
    -----
    Lesson: :ref:`pixels`. Source: van den Oord et al. (2016), with one layer along the raster scan, which sees the row above through
    one pixel and its state, in the place of their row and diagonal convolutions.

    Examples
    --------
    >>> PixelRNN(4, 3, H=8)(torch.zeros(2, 4, 3, dtype=torch.int64)).shape
    torch.Size([2, 4, 3, 2])
    """

    def __init__(self, height, width, H, *, levels=2, n_classes=0, cell="lstm", **options):
        super().__init__()
        for name, value, low in (("height", height, 1), ("width", width, 1), ("levels", levels, 2), ("n_classes", n_classes, 0)):
            check_number(name, value, low, integer=True)
        check_choice("cell", cell, tuple(CELLS))
        self.height, self.width, self.levels, self.n_classes = int(height), int(width), int(levels), int(n_classes)
        self.layer = CELLS[cell](2 * levels + height + width + n_classes, H, **options)
        if self.layer.directions == 2:
            raise ValueError("bidirectional: expected False, got True: a pixel must not see what comes next")
        self.W_hy = torch.nn.Parameter(uniform_(torch.empty(H, levels), H))
        self.b_y = torch.nn.Parameter(torch.zeros(levels))

    def forward(self, images, labels=None):
        """Logits of each pixel given all those before it.

        Parameters
        ----------
        images : int tensor of shape (B, height, width)
        labels : int tensor of shape (B,), optional
            Needed when, and only when, the model has classes.

        Returns
        -------
        logits : tensor of shape (B, height, width, levels)
        """
        check_token_ids("images", images, f"B {self.height} {self.width}", self.levels)
        B, N = len(images), self.height * self.width
        pixels = F.one_hot(images.long(), self.levels).reshape(B, N, self.levels)
        before = F.pad(pixels, (0, 0, 1, 0))[:, :N]
        above = F.pad(pixels, (0, 0, self.width, 0))[:, :N]
        x = torch.cat([before, above, self.places(B, labels, images.device)], 2).to(self.b_y.dtype)
        h_seq, _ = self.layer(x)
        return (h_seq @ self.W_hy + self.b_y).reshape(B, self.height, self.width, self.levels)

    def places(self, B, labels, device):
        """Row, column and class of each step: (B, height · width, height + width + n_classes)."""
        rows = torch.eye(self.height, dtype=torch.int64, device=device).repeat_interleave(self.width, 0)
        columns = torch.eye(self.width, dtype=torch.int64, device=device).repeat(self.height, 1)
        places = torch.cat([rows, columns], 1).expand(B, -1, -1)
        if (labels is None) != (self.n_classes == 0):
            raise ValueError(f"labels: expected {'none' if labels is not None else 'one per picture'} with n_classes = {self.n_classes}")
        if labels is None:
            return places
        check_token_ids("labels", labels, str(B), self.n_classes)
        return torch.cat([places, F.one_hot(labels.long(), self.n_classes)[:, None].expand(-1, places.shape[1], -1)], 2)

    def loss(self, images, labels=None):
        """Mean negative log-likelihood, in nats per picture: a scalar tensor."""
        logits = self(images, labels)
        N = self.height * self.width
        return N * token_loss(logits.reshape(len(images), N, self.levels), images.reshape(len(images), N))

    @torch.no_grad()
    def sample(self, n, *, rng, labels=None, temperature=1.0, given=None):
        """Draw pictures.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        labels : int array of shape (n,), optional
            Needed when, and only when, the model has classes.
        temperature : float
            Logits are divided by it.
        given : int array of shape (n, k), optional
            The first k pixels of each picture, in rows from the top left; the rest is drawn.

        Returns
        -------
        images : int64 ndarray of shape (n, height, width)
        """
        check_number("n", n, 1, integer=True)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
        if labels is not None:
            labels = np.asarray(labels)
            check_ids("labels", labels, str(n), max(self.n_classes, 1))
            labels = torch.from_numpy(labels).to(self.b_y.device)
        k = 0
        if given is not None:
            given = np.asarray(given)
            k = check_ids("given", given, f"{n} k", self.levels)["k"]
            if k > self.height * self.width:
                raise ValueError(f"given: expected at most {self.height * self.width} pixels per picture, got {k}")
        was_training = self.training
        self.eval()
        places, state = self.places(n, labels, self.b_y.device).to(self.b_y.dtype), None
        pixels = places.new_zeros(n, self.width + self.height * self.width, self.levels)  # one row of nothing above the picture
        images = np.empty((n, self.height * self.width), np.int64)
        for t in range(images.shape[1]):
            before = pixels[:, self.width + t - 1] if t else pixels[:, 0]
            x_t = torch.cat([before, pixels[:, t], places[:, t]], 1)
            h_t, state = self.layer(x_t[:, None], state)
            images[:, t] = given[:, t] if t < k else draw(distribution(h_t[:, 0] @ self.W_hy + self.b_y, temperature), rng)
            pixels[torch.arange(n), self.width + t, torch.from_numpy(images[:, t])] = 1
        self.train(was_training)
        return images.reshape(n, self.height, self.width)
