"""Numbers with units: text <-> bytes, seconds."""

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def format_bytes(size_bytes: int) -> str:
    """Short and with a binary unit: `200.0 MiB`."""
    value = float(size_bytes)
    for unit in _BINARY:
        if value < 1024 or unit == _BINARY[-1]:
            break
        value /= 1024
    return f"{size_bytes} B" if unit == "B" else f"{value:.1f} {unit}"


def format_duration(seconds: float) -> str:
    """Two units at most: `3h 58m`, `12s`."""
    left = max(0, round(seconds))
    parts = []
    for unit, length_s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length_s)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def format_count(number: int, noun: str, plural: str = "") -> str:
    """`1 volume`, `2 volumes`; `plural` is for nouns that do not just get an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
