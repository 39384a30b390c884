"""The systems of `rnnlib.scratch` as PyTorch modules, on the CPU and on a GPU, under the same names.

Errors are those of `rnnlib.scratch`: the message names the argument, what was expected and what was given.
"""

from rnnlib.nn.attention import AdditiveAttention, DotAttention, GeneralAttention, MultiHeadAttention
from rnnlib.nn.classifier import SequenceClassifier
from rnnlib.nn.gru import GRU, GRUCell
from rnnlib.nn.language import CharLM, WindowLM
from rnnlib.nn.layer import which
from rnnlib.nn.lru import LRU
from rnnlib.nn.lstm import LSTM, LSTMCell
from rnnlib.nn.min_rnn import MinGRU, MinLSTM
from rnnlib.nn.pixel import PixelRNN
from rnnlib.nn.reservoir import Reservoir
from rnnlib.nn.rnn import RNN, RNNCell
from rnnlib.nn.rwkv import RWKV
from rnnlib.nn.seq2seq import Captioner, Seq2Seq
from rnnlib.nn.stroke import StrokeRNN
from rnnlib.nn.transformer import TransformerBlock, TransformerLM
from rnnlib.nn.xlstm import MLSTM, SLSTM

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLSTM",
    "RNN",
    "RWKV",
    "SLSTM",
    "AdditiveAttention",
    "Captioner",
    "CharLM",
    "DotAttention",
    "GRUCell",
    "GeneralAttention",
    "LSTMCell",
    "MinGRU",
    "MinLSTM",
    "MultiHeadAttention",
    "PixelRNN",
    "RNNCell",
    "Reservoir",
    "Seq2Seq",
    "SequenceClassifier",
    "StrokeRNN",
    "TransformerBlock",
    "TransformerLM",
    "WindowLM",
    "which",
]
