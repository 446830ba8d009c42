"""``torchvision._internally_replaced_utils``: nothing is downloaded."""

from minigrad.as_torch.torch.hub import load_state_dict_from_url as load_state_dict_from_url
