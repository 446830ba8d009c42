"""``torch.utils.tensorboard``: tensorboardX writes the same files."""

from tensorboardX import SummaryWriter as SummaryWriter
