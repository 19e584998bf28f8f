"""Messages of errors and warnings: checked, printed (``pytest -s`` shows them), and collected for quotation."""

import os
import warnings

import pytest


def said(title, kind, message):
    """Print a message, and append it to the file that CLASSICMOE_MESSAGES names, so that it can be quoted."""
    text = f"{title}\n    {kind.__name__}: {message}\n"
    print("\n" + text, end="")
    if path := os.environ.get("CLASSICMOE_MESSAGES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


def refused(title, kind, words, action):
    """The action raises exactly this kind of error, and its message holds all the words."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    said(title, type(caught.value), message)
    assert type(caught.value) is kind
    assert [word for word in words if word not in message] == []


def warned(title, kind, words, action):
    """The action warns so; return what it returns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    messages = [str(warning.message) for warning in caught if warning.category is kind]
    for message in messages:
        said(title, kind, message)
    assert messages, [str(warning.message) for warning in caught]
    assert [word for word in words if word not in " ".join(messages)] == []
    return result
