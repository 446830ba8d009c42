"""``torchvision.extension``: there are no compiled operations."""


def _assert_has_ops() -> None:
    raise NotImplementedError("torchvision's compiled operations (nms, roi_align, …) are not in minigrad")


def _has_ops() -> bool:
    return False
