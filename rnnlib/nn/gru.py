"""The gated recurrent unit as a PyTorch module."""

import torch
import torch.nn.functional as F

from rnnlib.checks import check_choice
from rnnlib.nn.layer import Cell, Recurrent, only_loop
from rnnlib.nn.module import pair
from rnnlib.scratch.gru import gru_backward, gru_forward


class GRUCell(Cell):
    r"""One layer and direction of a `GRU`; called, it is one step.

    ``D``, ``H``, ``reset``, ``layer_norm`` and the rates ``variational_dropout``, ``recurrent_dropout``, ``zoneout`` are those of `GRU`.

    Attributes
    ----------
    W_x, W_h, b_x, b_h : Parameter of shape (D, 3H), (H, 3H), (3H,), (3H,)
        Column blocks in the order ``r, z, n``.
    gain_x, gain_h : Parameter of shape (3H,)
        With ``layer_norm`` only.
    """

    def __init__(self, D, H, *, reset="after", layer_norm=False, variational_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0):
        super().__init__(D, H, variational_dropout, recurrent_dropout, zoneout)
        check_choice("reset", reset, ("after", "before"))
        self.reset, self.layer_norm = reset, bool(layer_norm)
        sizes = {"W_x": (D, 3 * H), "W_h": (H, 3 * H), "b_x": (3 * H,), "b_h": (3 * H,)}
        sizes |= {"gain_x": (3 * H,), "gain_h": (3 * H,)} if layer_norm else {}
        for name, shape in sizes.items():
            self.register_parameter(name, torch.nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    W_hidden = property(lambda self: self.W_h)

    def project(self, x):
        a = x @ self.W_x
        if self.layer_norm:
            a = torch.cat([self.norm(part, self.gain_x) for part in a.split([2 * self.H, self.H], -1)], -1)
        return a + self.b_x

    def norm(self, a, gain):
        """Layer norm of the gates' product (2H, together) or of the candidate's (H), with the block of ``gain`` that belongs to it."""
        size = a.shape[-1]
        return F.layer_norm(a, (size,), gain[:size] if size > self.H else gain[2 * self.H :]) if self.layer_norm else a

    def advance(self, a_t, state, h_mask=None):
        (h_prev,), H = state, self.H
        h = h_prev if h_mask is None else h_prev * h_mask
        W_rz, W_n, b_rz, b_n = self.W_h[:, : 2 * H], self.W_h[:, 2 * H :], self.b_h[: 2 * H], self.b_h[2 * H :]
        gain = self.gain_h if self.layer_norm else None
        r, z = torch.sigmoid(a_t[..., : 2 * H] + self.norm(h @ W_rz, gain) + b_rz).chunk(2, dim=-1)
        if self.reset == "after":
            n = torch.tanh(a_t[..., 2 * H :] + r * (self.norm(h @ W_n, gain) + b_n))
        else:
            n = torch.tanh(a_t[..., 2 * H :] + self.norm((r * h) @ W_n, gain) + b_n)
        n = self.candidate(n)
        return self.zone((n + z * (h_prev - n),), state)

    def source(self, x, state, lengths, reverse):
        def forward(x, h_0, W_x, W_h, b_x, b_h):
            h_seq, h_T, tape = gru_forward(x, W_x, W_h, b_x, b_h, h_0, reset=self.reset, lengths=lengths, reverse=reverse)
            return (h_seq, h_T), tape

        def backward(douts, tape):
            return gru_backward(douts[0], tape, douts[1])

        h_seq, h_T = pair(forward, backward, x=x, h_0=state[0], W_x=self.W_x, W_h=self.W_h, b_x=self.b_x, b_h=self.b_h)
        return h_seq, (h_T,)

    def kernel(self):
        return "gru"

    def torch_weights(self):
        return self.W_x.T, self.W_h.T, self.b_x, self.b_h

    def take_torch(self, weight_ih, weight_hh, bias_ih, bias_hh):
        with torch.no_grad():
            self.W_x.copy_(weight_ih.T), self.W_h.copy_(weight_hh.T), self.b_x.copy_(bias_ih), self.b_h.copy_(bias_hh)


class GRU(Recurrent):
    r"""Gated recurrent unit: layers of cells with a reset and an update gate.

    .. math::

       r_t, z_t = \sigma(\cdot) \quad\text{of the blocks of}\quad x_t W_x + b_x + h_{t-1} W_h + b_h

       n_t = \tanh\bigl(x_t W_{xn} + b_{xn} + r_t \odot (h_{t-1} W_{hn} + b_{hn})\bigr), \qquad
       h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.
    num_layers : int
    bidirectional : bool
        A second cell in each layer reads from a row's last valid step to its first; outputs are side by side.
    reset : {"after", "before"}
        Where ``r`` acts: after the recurrent product (torch, cuDNN) or on the state before it.
    layer_norm : bool
        Normalise both products, the gates' together and the candidate's by itself.
    dropout : float
        Probability of dropping an output between two layers, drawn anew at every step.
    variational_dropout : float
        Probability of dropping a unit of :math:`x_t` and of :math:`h_{t-1}` in front of the weights, one draw a sequence.
    recurrent_dropout : float
        Probability of dropping a unit of what a step is about to write, drawn anew at every step; what is remembered stays.
    zoneout : float
        Probability that a unit keeps its old state.
    impl : {"auto", "source", "torch", "loop"}
        ``"source"``: the hand-written pair of `rnnlib.scratch.gru`; ``"torch"``: torch's kernels on our parameters; ``"loop"``: one
        step after the other under autograd; ``"auto"``: the fastest that has what is asked for (see `which`).

    Attributes
    ----------
    cells, reverse_cells : ModuleList of GRUCell
        ``cells[k]`` has ``W_x`` (D, 3H), ``W_h`` (H, 3H), ``b_x`` and ``b_h`` (3H,), column blocks ``r, z, n``.

    Raises
    ------
    ValueError
        The chosen ``impl`` does not support one of the other options. It never falls back to another one.

    Notes
    -----
    Lesson: :ref:`gru-cell`. Sources: Cho et al. (2014); Ba et al. (2016) for the layer norm, Gal and
    Ghahramani (2016) for variational dropout, Semeniuta et al. (2016) for recurrent dropout, Krueger et al. (2017) for zoneout.
    First weights: uniform in ±1/√H, as in ``torch.nn.GRU``.

    Examples
    --------
    >>> h_seq, h_T = GRU(3, 5, num_layers=2)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, h_T.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 2, 5]))
    """

    def __init__(
        self,
        D,
        H,
        *,
        num_layers=1,
        bidirectional=False,
        reset="after",
        layer_norm=False,
        dropout=0.0,
        variational_dropout=0.0,
        recurrent_dropout=0.0,
        zoneout=0.0,
        impl="auto",
    ):
        noise = dict(variational_dropout=variational_dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout)
        options = dict(reset=reset, layer_norm=layer_norm, **noise)
        missing = only_loop(layer_norm=layer_norm, **noise)
        super().__init__(
            D,
            H,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            impl=impl,
            make_cell=lambda D, H: GRUCell(D, H, **options),
            missing=missing or ({"torch": "torch has no kernel for the reset before the product"} if reset == "before" else {}),
        )

    def choose_on_cpu(self, x, lengths):
        return "source", "on the CPU torch runs a GRU as a step loop under autograd"
