"""The vanilla recurrent network as a PyTorch module."""

import torch
import torch.nn.functional as F

from rnnlib.checks import check_choice
from rnnlib.nn.layer import Cell, Recurrent, only_loop
from rnnlib.nn.module import pair
from rnnlib.scratch.rnn import rnn_backward, rnn_forward


class RNNCell(Cell):
    r"""One layer and direction of an `RNN`; called, it is one step.

    ``D``, ``H``, ``activation``, ``layer_norm`` and the rates ``variational_dropout``, ``zoneout`` are those of `RNN`.

    Attributes
    ----------
    W_xh, W_hh, b_h : Parameter of shape (D, H), (H, H), (H,)
    gain : Parameter of shape (H,)
        With ``layer_norm`` only.
    """

    def __init__(self, D, H, *, activation="tanh", layer_norm=False, variational_dropout=0.0, zoneout=0.0):
        super().__init__(D, H, variational_dropout, zoneout=zoneout)
        check_choice("activation", activation, ("tanh", "relu"))
        self.activation, self.layer_norm = activation, bool(layer_norm)
        self.W_xh = torch.nn.Parameter(torch.empty(D, H))
        self.W_hh = torch.nn.Parameter(torch.empty(H, H))
        self.b_h = torch.nn.Parameter(torch.empty(H))
        if layer_norm:
            self.gain = torch.nn.Parameter(torch.empty(H))
        self.reset_parameters()

    W_hidden = property(lambda self: self.W_hh)

    def project(self, x):
        return x @ self.W_xh if self.layer_norm else x @ self.W_xh + self.b_h

    def advance(self, a_t, state, h_mask=None):
        (h_prev,) = state
        a = a_t + (h_prev if h_mask is None else h_prev * h_mask) @ self.W_hh
        if self.layer_norm:
            a = F.layer_norm(a, (self.H,), self.gain, self.b_h)
        return self.zone((torch.tanh(a) if self.activation == "tanh" else torch.relu(a),), state)

    def source(self, x, state, lengths, reverse):
        def forward(x, h_0, W_xh, W_hh, b_h):
            h_seq, h_T, tape = rnn_forward(x, W_xh, W_hh, b_h, h_0, activation=self.activation, lengths=lengths, reverse=reverse)
            return (h_seq, h_T), tape

        def backward(douts, tape):
            return rnn_backward(douts[0], tape, douts[1])

        h_seq, h_T = pair(forward, backward, x=x, h_0=state[0], W_xh=self.W_xh, W_hh=self.W_hh, b_h=self.b_h)
        return h_seq, (h_T,)

    def kernel(self):
        return f"rnn_{self.activation}"

    def torch_weights(self):
        return self.W_xh.T, self.W_hh.T, self.b_h, torch.zeros_like(self.b_h)

    def take_torch(self, weight_ih, weight_hh, bias_ih, bias_hh):
        with torch.no_grad():
            self.W_xh.copy_(weight_ih.T), self.W_hh.copy_(weight_hh.T), self.b_h.copy_(bias_ih + bias_hh)


class RNN(Recurrent):
    r"""Vanilla recurrent network: layers of Elman's cell.

    .. math:: h_t = \phi(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad \phi \in \{\tanh, \mathrm{relu}\}

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.
    num_layers : int
    bidirectional : bool
        A second cell in each layer reads from a row's last valid step to its first; outputs are side by side.
    activation : {"tanh", "relu"}
    layer_norm : bool
        Normalise the pre-activation; ``b_h`` becomes the norm's shift.
    dropout : float
        Probability of dropping an output between two layers, drawn anew at every step.
    variational_dropout : float
        Probability of dropping a unit of :math:`x_t` and of :math:`h_{t-1}` in front of the weights, one draw a sequence.
    zoneout : float
        Probability that a unit keeps its old state.
    impl : {"auto", "source", "torch", "loop"}
        ``"source"``: the hand-written pair of `rnnlib.scratch.rnn`; ``"torch"``: torch's kernels on our parameters; ``"loop"``: one
        step after the other under autograd; ``"auto"``: the fastest that has what is asked for (see `which`).

    Attributes
    ----------
    cells, reverse_cells : ModuleList of RNNCell
        ``cells[k]`` has ``W_xh`` (D, H), ``W_hh`` (H, H), ``b_h`` (H,), and ``gain`` (H,) with ``layer_norm``.

    Raises
    ------
    ValueError
        The chosen ``impl`` does not support one of the other options. It never falls back to another one.

    Notes
    -----
    Lesson: :ref:`rnn-cell`. Sources: Elman (1990); Ba et al. (2016) for the layer norm, Gal and Ghahramani (2016)
    for variational dropout, Krueger et al. (2017) for zoneout. First weights: uniform in ±1/√H, as in ``torch.nn.RNN``.

    Examples
    --------
    >>> h_seq, h_T = RNN(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, h_T.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self,
        D,
        H,
        *,
        num_layers=1,
        bidirectional=False,
        activation="tanh",
        layer_norm=False,
        dropout=0.0,
        variational_dropout=0.0,
        zoneout=0.0,
        impl="auto",
    ):
        noise = dict(variational_dropout=variational_dropout, zoneout=zoneout)
        options = dict(activation=activation, layer_norm=layer_norm, **noise)
        super().__init__(
            D,
            H,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            impl=impl,
            make_cell=lambda D, H: RNNCell(D, H, **options),
            missing=only_loop(layer_norm=layer_norm, **noise),
        )

    def choose_on_cpu(self, x, lengths):
        return "source", "on the CPU torch runs an RNN as a step loop under autograd"
