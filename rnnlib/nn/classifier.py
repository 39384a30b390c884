"""A sequence in, one label out."""

import torch
import torch.nn.functional as F

from rnnlib.checks import check_choice, check_ids, check_lengths, check_number
from rnnlib.nn.cells import CELLS
from rnnlib.nn.layer import probability, step_mask
from rnnlib.nn.module import Module, check_token_ids, uniform_


class SequenceClassifier(Module):
    r"""Read a sequence, then say which of ``n_classes`` it is.

    .. math::

       \text{logits} = s \, W_{hy} + b_y, \qquad s = h_T \;\text{(last)} \quad\text{or}\quad s = \frac{1}{T} \sum_t h_t \;\text{(mean)}

    Parameters
    ----------
    D, H, n_classes : int
        Sizes of the input, of the state and of the answer.
    cell : {"gru", "lstm", "rnn"}
    num_layers : int
    bidirectional : bool
        :math:`h_T` is then the last state of each direction, side by side.
    pool : {"last", "mean"}
        What is read out: the state after a row's last valid step, or the mean over its valid steps.
    dropout : float
        Probability of dropping an output between two layers, or a unit in front of the read-out.
    **options
        Of `LSTM`, `GRU` or `RNN`: ``impl``, ``forget_bias``, ``activation``...

    Attributes
    ----------
    layer : LSTM, GRU or RNN
    W_hy, b_y : Parameter of shape (H, n_classes), or (2H, n_classes) with two directions, and (n_classes,)

    Notes
    -----
    Lesson: :ref:`many-to-one`.

    Examples
    --------
    >>> SequenceClassifier(D=3, H=8, n_classes=4)(torch.zeros(2, 5, 3), lengths=torch.tensor([5, 2])).shape
    torch.Size([2, 4])
    """

    def __init__(self, D, H, n_classes, *, cell="gru", num_layers=1, bidirectional=False, pool="last", dropout=0.0, **options):
        super().__init__()
        for name, value, low in (("H", H, 1), ("n_classes", n_classes, 2), ("num_layers", num_layers, 1)):
            check_number(name, value, low, integer=True)
        check_choice("cell", cell, tuple(CELLS))
        check_choice("pool", pool, ("last", "mean"))
        self.n_classes, self.pool, self.dropout = int(n_classes), pool, probability("dropout", dropout)
        between = dropout if num_layers > 1 else 0.0
        self.layer = CELLS[cell](D, H, num_layers=num_layers, bidirectional=bidirectional, dropout=between, **options)
        size = H * self.layer.directions
        self.W_hy = torch.nn.Parameter(uniform_(torch.empty(size, n_classes), size))
        self.b_y = torch.nn.Parameter(torch.zeros(n_classes))

    def forward(self, x, lengths=None):
        """Logits of the classes.

        Parameters
        ----------
        x : tensor of shape (B, T, D), or int tensor of ids of shape (B, T)
            Ids stand for one-hot vectors of size D.
        lengths : int array or tensor of shape (B,), optional
            Valid steps of each row. The values in the padding have no effect.

        Returns
        -------
        logits : tensor of shape (B, n_classes)
        """
        if isinstance(x, torch.Tensor) and x.ndim == 2 and not x.is_floating_point():
            check_token_ids("x", x, "B T", self.layer.D)
            x = F.one_hot(x.long(), self.layer.D).to(self.b_y.dtype)
        h_seq, state = self.layer(x, lengths=lengths)
        if self.pool == "last":
            h = state[0] if isinstance(state, tuple) else state
            top = self.layer.directions
            s = h if h.ndim == 2 else torch.cat(tuple(h[-top:]), 1)
        elif lengths is None:
            s = h_seq.mean(1)
        else:
            valid = step_mask(check_lengths(lengths, *x.shape[:2]), x.shape[1], x.device)
            s = h_seq.sum(1) / valid.sum(1, keepdim=True)  # h_seq is zero in the padding
        return F.dropout(s, self.dropout, self.training) @ self.W_hy + self.b_y

    def loss(self, x, labels, lengths=None):
        """Mean cross-entropy in nats per sequence.

        Parameters
        ----------
        x, lengths
            As for `forward`.
        labels : int tensor of shape (B,)
            From 0 to n_classes - 1.

        Returns
        -------
        loss : scalar tensor
        """
        logits = self(x, lengths)
        check_token_ids("labels", labels, str(len(logits)), self.n_classes)
        return F.cross_entropy(logits, labels.long())

    @torch.no_grad()
    def accuracy(self, x, labels, lengths=None):
        """Share of sequences whose likeliest class is the label, in ``eval`` mode: a float from 0 to 1."""
        was_training, device = self.training, self.b_y.device
        self.eval()
        x, labels = torch.as_tensor(x), torch.as_tensor(labels)
        x = x.to(device, self.b_y.dtype if x.is_floating_point() else None)
        logits = self(x, lengths)
        check_ids("labels", labels, str(len(x)), self.n_classes)
        right = logits.argmax(1) == labels.to(device)
        self.train(was_training)
        return float(right.double().mean())
