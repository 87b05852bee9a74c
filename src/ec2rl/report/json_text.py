"""JSON text (RFC 8259) for reports, in ASCII.

`json` brings `re`, `enum` and `collections` along, a fifth of the time of a whole run on a quiet
host; writing takes the few lines below (docs/decisions/0002-records.md).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def dumps(value: Json, indent: str = "\n") -> str:
    """Write a value as `json.dumps(value, indent=2)` does.

    ValueError for a number that JSON has not (NaN, infinity), TypeError for what is no value of it.
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("no number of JSON")
        return float.__repr__(value)
    inner = indent + "  "
    if isinstance(value, (list, tuple)):
        items = [dumps(item, inner) for item in value]
        return f"[{inner}{(',' + inner).join(items)}{indent}]" if items else "[]"
    if not hasattr(value, "items"):
        raise TypeError(f"{type(value).__name__} is no value of JSON")
    pairs = [f"{_string(str(name))}: {dumps(item, inner)}" for name, item in value.items()]
    return f"{{{inner}{(',' + inner).join(pairs)}{indent}}}" if pairs else "{}"


def _string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if text.isascii():
        return f'"{text.translate(_ASCII)}"'
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 32 <= code < 127:
        return character
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"


_ASCII = {code: _character(chr(code)) for code in (*range(32), *b'"\\\x7f')}
