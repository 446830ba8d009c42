"""What a notebook shows of tensors, modules and profiles: plain HTML, escaped, without scripts."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest

import minigrad
from minigrad import absent, nn


class _Page(HTMLParser):
    """Reads a page: its texts, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        assert tag in {"div", "table", "tr", "td", "th", "details", "summary", "span", "b"}
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_tensor_is_a_table_of_its_values() -> None:
    page = _Page(minigrad.tensor([[0.5, -1.0], [math.nan, 3.25]], requires_grad=True)._repr_html_())
    assert page.texts[0] == "tensor · shape (2, 2) · float32 · requires_grad"
    assert [text.strip() for text in page.texts[1:]] == ["0.5000", "-1.0000", "nan", "3.2500"]
    assert page.tags.count("tr") == 2
    assert "<ExpBackward>" in _Page(minigrad.ones(2, requires_grad=True).exp()._repr_html_()).texts[0]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (5,), (100, 100), (2, 3, 4), (2, 3, 20, 20), (3, 0, 2)])
def test_a_tensor_of_any_shape_is_shown_in_a_small_table(shape: tuple[int, ...]) -> None:
    page = _Page(minigrad.zeros(shape)._repr_html_())
    assert f"shape {shape}" in page.texts[0]
    assert page.tags.count("td") <= 11 * 13
    if len(shape) > 2 and 0 not in shape:
        assert any("the first of" in text for text in page.texts)


def test_a_module_is_a_tree_with_the_numbers_of_parameters() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
            self.head = nn.Linear(4, 2).requires_grad_(False)

        def extra_repr(self) -> str:
            return "<script>alert(1)</script>"

    page = Net()._repr_html_()
    assert "<script" not in page
    texts = "".join(_Page(page).texts)
    assert "Net(<script>alert(1)</script>) 50 parameters, 10 frozen" in texts
    assert "(features) Sequential 40 parameters" in texts
    assert "(head) Linear(in_features=4, out_features=2, bias=True) 10 parameters, 10 frozen" in texts
    assert _Page(nn.ReLU()._repr_html_()).tags == ["div", "b"]


def test_a_profile_is_a_table() -> None:
    with minigrad.profiler.profile() as prof:
        minigrad.ones(2, requires_grad=True).exp().sum().backward()
    page = _Page(prof._repr_html_())
    assert page.texts[:7] == ["operation", "phase", "calls", "seconds", "share", "MB", "shapes"]
    assert "Exp" in page.texts
    assert page.texts[-1].endswith("operations")
    assert _Page(prof.key_averages(group_by_input_shape=True)._repr_html_()).tags
    with minigrad.profiler.profile() as nothing:
        pass
    assert "0 operations" in "".join(_Page(nothing._repr_html_()).texts)


def test_a_misspelt_attribute_of_a_tensor_is_answered_with_the_right_one() -> None:
    """IPython and Jupyter, unlike Python's prompt, do not look for it themselves."""

    class Like(minigrad.Tensor):
        pass

    absent.hint_at_slips(Like)
    with pytest.raises(AttributeError, match=r"'Like' object has no attribute 'shap'\. Did you mean 'shape'"):
        Like(2).shap  # noqa: B018
    with pytest.raises(AttributeError, match=r"use x\.mT"):
        Like(2, 2).H  # noqa: B018
    assert not hasattr(Like(2), "nothing_like_it")
