"""``torch.optim.lr_scheduler``: the older name of the base of schedules."""

from minigrad.optim.lr_scheduler import LRScheduler

_LRScheduler = LRScheduler
