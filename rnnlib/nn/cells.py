"""The recurrent layers by the names that models take."""

from rnnlib.nn.gru import GRU
from rnnlib.nn.lstm import LSTM
from rnnlib.nn.rnn import RNN

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
