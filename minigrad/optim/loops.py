"""The rules that backends have loops for: compiled ones on a CPU, and kernels on a GPU."""

from minigrad.kernels.rules import register_loop
from minigrad.optim.adam import AdamRule
from minigrad.optim.rmsprop import RMSpropRule
from minigrad.optim.sgd import SGDRule

register_loop(SGDRule, "sgd")
register_loop(AdamRule, "adam")
register_loop(RMSpropRule, "rmsprop")
