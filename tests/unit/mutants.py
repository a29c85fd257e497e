"""Contents of files that were damaged."""

import json
import random

VALUES = (
    None,
    True,
    -1,
    0,
    2.5,
    1e308,
    float("nan"),
    10**30,
    "text",
    "",
    [],
    {},
    [1, "a"],
    "x" * 5000,
)
FLIPS = 60


def places(content, above=()):
    """Every key and every place of a list, from the top."""
    inside = content.items() if isinstance(content, dict) else enumerate(content[:2])
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def other_entries(content):
    """JSON with one entry that is missing, has another name or another value."""
    draw = random.Random(1)
    for place in places(content):
        for value in ("missing", "renamed", *draw.sample(VALUES, 4)):
            other = json.loads(json.dumps(content))
            inside = other
            for key in place[:-1]:
                inside = inside[key]
            if value == "missing":
                del inside[place[-1]]
            elif value == "renamed" and isinstance(inside, dict):
                inside["another"] = inside.pop(place[-1])
            else:
                inside[place[-1]] = value
            yield json.dumps(other).encode()


def other_bytes(content):
    """A file with a bit that is another, a part that is missing, or something else in its place."""
    draw = random.Random(1)
    yield from (b"", b"text\n", b"\xff\xfe\0", b"{}", b"[]", content + b"\0" * 100, content * 2)
    yield from (content[: int(len(content) * share)] for share in (0.1, 0.5, 0.9, 0.999))
    for _ in range(FLIPS):
        flipped = bytearray(content)
        flipped[draw.randrange(min(len(content), 4000))] ^= 1 << draw.randrange(8)
        yield bytes(flipped)
