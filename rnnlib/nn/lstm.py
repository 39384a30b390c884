"""Long short-term memory as a PyTorch module."""

import torch
import torch.nn.functional as F

from rnnlib.checks import check_number
from rnnlib.nn.layer import Cell, Recurrent, only_loop
from rnnlib.nn.module import pair
from rnnlib.scratch.lstm import lstm_backward, lstm_forward


class LSTMCell(Cell):
    r"""One layer and direction of an `LSTM`; called, it is one step.

    ``D``, ``H``, ``peephole``, ``layer_norm``, ``forget_bias`` and the rates ``variational_dropout``, ``recurrent_dropout``, ``zoneout``
    are those of `LSTM`.

    Attributes
    ----------
    W_x, W_h, b : Parameter of shape (D, 4H), (H, 4H), (4H,)
        Column blocks in the order ``i, f, g, o``.
    p_i, p_f, p_o : Parameter of shape (H,)
        With ``peephole`` only.
    gain_x, gain_h, gain_c, b_c : Parameter of shape (4H,), (4H,), (H,), (H,)
        With ``layer_norm`` only.
    """

    parts = ("h", "c")

    def __init__(
        self, D, H, *, peephole=False, layer_norm=False, variational_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0, forget_bias=None
    ):
        super().__init__(D, H, variational_dropout, recurrent_dropout, zoneout)
        if forget_bias is not None:
            check_number("forget_bias", forget_bias)
        self.peephole, self.layer_norm, self.forget_bias = bool(peephole), bool(layer_norm), forget_bias
        sizes = {"W_x": (D, 4 * H), "W_h": (H, 4 * H), "b": (4 * H,)}
        sizes |= {name: (H,) for name in ("p_i", "p_f", "p_o") if peephole}
        sizes |= {"gain_x": (4 * H,), "gain_h": (4 * H,), "gain_c": (H,), "b_c": (H,)} if layer_norm else {}
        for name, shape in sizes.items():
            self.register_parameter(name, torch.nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    W_hidden = property(lambda self: self.W_h)

    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            if self.forget_bias is not None:
                self.b[self.H : 2 * self.H] = self.forget_bias
            if self.layer_norm:
                self.b_c.zero_()

    def project(self, x):
        a = x @ self.W_x
        return (F.layer_norm(a, (4 * self.H,), self.gain_x) if self.layer_norm else a) + self.b

    def advance(self, a_t, state, h_mask=None):
        h_prev, c_prev = state
        r = (h_prev if h_mask is None else h_prev * h_mask) @ self.W_h
        a_i, a_f, a_g, a_o = (a_t + (F.layer_norm(r, (4 * self.H,), self.gain_h) if self.layer_norm else r)).chunk(4, dim=-1)
        if self.peephole:
            a_i, a_f = a_i + self.p_i * c_prev, a_f + self.p_f * c_prev
        c = torch.sigmoid(a_f) * c_prev + torch.sigmoid(a_i) * self.candidate(torch.tanh(a_g))
        if self.peephole:
            a_o = a_o + self.p_o * c
        seen = F.layer_norm(c, (self.H,), self.gain_c, self.b_c) if self.layer_norm else c
        return self.zone((torch.sigmoid(a_o) * torch.tanh(seen), c), state)

    def source(self, x, state, lengths, reverse):
        names = ("p_i", "p_f", "p_o") if self.peephole else ()

        def forward(x, h_0, c_0, W_x, W_h, b, **peepholes):
            h_seq, (h_T, c_T), tape = lstm_forward(
                x, W_x, W_h, b, (h_0, c_0), peepholes=tuple(peepholes.values()) or None, lengths=lengths, reverse=reverse
            )
            return (h_seq, h_T, c_T), tape

        def backward(douts, tape):
            return lstm_backward(douts[0], tape, douts[1:])

        peepholes = {name: getattr(self, name) for name in names}
        h_seq, h_T, c_T = pair(forward, backward, x=x, h_0=state[0], c_0=state[1], W_x=self.W_x, W_h=self.W_h, b=self.b, **peepholes)
        return h_seq, (h_T, c_T)

    def kernel(self):
        return "lstm"

    def torch_weights(self):
        return self.W_x.T, self.W_h.T, self.b, torch.zeros_like(self.b)

    def take_torch(self, weight_ih, weight_hh, bias_ih, bias_hh):
        with torch.no_grad():
            self.W_x.copy_(weight_ih.T), self.W_h.copy_(weight_hh.T), self.b.copy_(bias_ih + bias_hh)


class LSTM(Recurrent):
    r"""Long short-term memory: layers of cells with three gates and a memory.

    .. math::

       i_t, f_t, o_t = \sigma(\cdot), \quad g_t = \tanh(\cdot) \quad\text{of the blocks of}\quad x_t W_x + h_{t-1} W_h + b

       c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t)

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.
    num_layers : int
    bidirectional : bool
        A second cell in each layer reads from a row's last valid step to its first; outputs are side by side.
    peephole : bool
        Let the gates see the memory: ``i`` and ``f`` see :math:`c_{t-1}`, ``o`` sees :math:`c_t`.
    layer_norm : bool
        Normalise both products and the memory that the output sees.
    dropout : float
        Probability of dropping an output between two layers, drawn anew at every step.
    variational_dropout : float
        Probability of dropping a unit of :math:`x_t` and of :math:`h_{t-1}` in front of the weights, one draw a sequence.
    recurrent_dropout : float
        Probability of dropping a unit of what a step is about to write, drawn anew at every step; what is remembered stays.
    zoneout : float
        Probability that a unit of h, or of c, keeps its old state.
    forget_bias : float, optional
        First value of the forget gate's bias. None: drawn as all the others.
    impl : {"auto", "source", "torch", "loop"}
        ``"source"``: the hand-written pair of `rnnlib.scratch.lstm`; ``"torch"``: torch's kernels on our parameters; ``"loop"``: one
        step after the other under autograd; ``"auto"``: the fastest that has what is asked for (see `which`).

    Attributes
    ----------
    cells, reverse_cells : ModuleList of LSTMCell
        ``cells[k]`` has ``W_x`` (D, 4H), ``W_h`` (H, 4H), ``b`` (4H,), column blocks ``i, f, g, o``; see `LSTMCell` for the rest.

    Raises
    ------
    ValueError
        The chosen ``impl`` does not support one of the other options. It never falls back to another one.

    Notes
    -----
    Lesson: :ref:`lstm-cell`. Sources: Hochreiter and Schmidhuber (1997), Gers et al. (2000, 2002); Ba et al. (2016) for the layer norm,
    Gal and Ghahramani (2016) for variational dropout, Semeniuta et al. (2016) for recurrent dropout, Krueger et al. (2017) for
    zoneout, with one probability for h and c. First weights: uniform in ±1/√H, as in ``torch.nn.LSTM``, which has two biases where
    one does the work.

    Examples
    --------
    >>> h_seq, (h_T, c_T) = LSTM(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, c_T.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self,
        D,
        H,
        *,
        num_layers=1,
        bidirectional=False,
        peephole=False,
        layer_norm=False,
        dropout=0.0,
        variational_dropout=0.0,
        recurrent_dropout=0.0,
        zoneout=0.0,
        forget_bias=None,
        impl="auto",
    ):
        noise = dict(variational_dropout=variational_dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout)
        options = dict(peephole=peephole, layer_norm=layer_norm, **noise)
        missing = only_loop(layer_norm=layer_norm, **noise)
        super().__init__(
            D,
            H,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            impl=impl,
            make_cell=lambda D, H: LSTMCell(D, H, forget_bias=forget_bias, **options),
            missing=missing or ({"torch": "torch has no kernel for peepholes"} if peephole else {}),
        )

    def choose_on_cpu(self, x, lengths):
        if x.dtype == torch.float32 and lengths is None:
            return "torch", "oneDNN's fused kernel for float32 on the CPU"
        return "source", "on the CPU torch's fused kernel needs float32 and no lengths"
