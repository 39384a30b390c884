"""Minimal GRU and LSTM as PyTorch modules: linear in the state, so that the steps can be scanned."""

import torch

from rnnlib.checks import check_array, check_choice, check_lengths, check_number
from rnnlib.nn.module import Module, pair, uniform_
from rnnlib.scratch.min_rnn import min_gru_backward, min_gru_forward, min_lstm_backward, min_lstm_forward
from rnnlib.scratch.scan import METHODS


class MinimalLayer(Module):
    """What the two share: their parameters, and their pair as one node."""

    def __init__(self, D, H, method):
        super().__init__()
        check_number("D", D, 1, integer=True)
        check_number("H", H, 1, integer=True)
        check_choice("method", method, METHODS)
        self.D, self.H, self.method = int(D), int(H), method
        self.W_x = torch.nn.Parameter(uniform_(torch.empty(D, self.blocks * H), D))
        self.b = torch.nn.Parameter(torch.zeros(self.blocks * H))

    def forward(self, x, state=None, lengths=None):
        """Run over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tensor of shape (B, H), optional
            Zeros when None.
        lengths : int array or tensor of shape (B,), optional
            Valid steps of each row. The values in the padding have no effect.

        Returns
        -------
        h_seq : tensor of shape (B, T, H)
            Zero past a row's length.
        state : tensor of shape (B, H)
            After each row's last valid step.
        """
        like = self.b.detach()
        B, T = (check_array("x", x, f"B T {self.D}", like=like)[s] for s in "BT")
        if state is not None:
            check_array("state", state, f"{B} {self.H}", like=like)
        lengths = check_lengths(lengths, B, T)

        def forward(x, W_x, b, h_0):
            h_seq, h_T, tape = self.pair[0](x, W_x, b, h_0, lengths=lengths, method=self.method)
            return (h_seq, h_T), tape

        return pair(forward, lambda douts, tape: self.pair[1](douts[0], tape, douts[1]), x=x, W_x=self.W_x, b=self.b, h_0=state)


class MinGRU(MinimalLayer):
    r"""GRU whose gate and candidate see the input only.

    .. math:: z_t = \sigma(x_t W_{xz} + b_z), \quad n_t = x_t W_{xn} + b_n, \qquad h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.
    method : {"auto", "loop", "chunked"}
        How the steps are run, see `rnnlib.scratch.scan.scan`.

    Attributes
    ----------
    W_x, b : Parameter of shape (D, 2H), (2H,)
        Column blocks in the order ``z, n``; ``z`` keeps the old state.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Feng et al. (2024). By hand: `rnnlib.scratch.min_rnn`.

    Examples
    --------
    >>> h_seq, h_T = MinGRU(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, h_T.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    blocks, pair = 2, (min_gru_forward, min_gru_backward)

    def __init__(self, D, H, *, method="auto"):
        super().__init__(D, H, method)


class MinLSTM(MinimalLayer):
    r"""LSTM whose gates see the input only and share out between old and new.

    .. math::

       i_t, f_t = \sigma(\cdot), \quad g_t = x_t W_{xg} + b_g, \qquad
       h_t = \frac{f_t}{f_t + i_t} \odot h_{t-1} + \frac{i_t}{f_t + i_t} \odot g_t

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.
    method : {"auto", "loop", "chunked"}
        How the steps are run, see `rnnlib.scratch.scan.scan`.

    Attributes
    ----------
    W_x, b : Parameter of shape (D, 3H), (3H,)
        Column blocks in the order ``i, f, g``.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Feng et al. (2024). By hand: `rnnlib.scratch.min_rnn`.

    Examples
    --------
    >>> h_seq, h_T = MinLSTM(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, h_T.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    blocks, pair = 3, (min_lstm_forward, min_lstm_backward)

    def __init__(self, D, H, *, method="auto"):
        super().__init__(D, H, method)
