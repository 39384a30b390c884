"""The systems of `rnnlib.scratch` as PyTorch modules, on the CPU and on a GPU, under the same names."""

from rnnlib.nn.attention import AdditiveAttention, DotAttention, GeneralAttention, MultiHeadAttention
from rnnlib.nn.gru import GRU, GRUCell
from rnnlib.nn.language import CharLM, WindowLM
from rnnlib.nn.layer import which
from rnnlib.nn.lstm import LSTM, LSTMCell
from rnnlib.nn.rnn import RNN, RNNCell

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "CharLM",
    "DotAttention",
    "GRUCell",
    "GeneralAttention",
    "LSTMCell",
    "MultiHeadAttention",
    "RNNCell",
    "WindowLM",
    "which",
]
