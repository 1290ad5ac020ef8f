"""Words to begin with, out of an operator's own memories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from vestige_tui.core.search.answers import Found

MOST = 4
_LONGEST = 24
_WORD = re.compile(r"[^\W\d_]{6,24}")


def suggestions(found: Iterable[Found]) -> list[str]:
    """Tags that several of these memories have, then words; at most ``MOST``, the most frequent first."""
    memories = list(found)
    tags = Counter(tag for memory in memories for tag in {*memory.tags} if len(tag) <= _LONGEST and ":" not in tag)
    words = Counter(word for memory in memories for word in {*_WORD.findall(memory.snippet.text.lower())})
    frequent = [*_several(tags), *_several(words)]
    return [*dict.fromkeys(frequent)][:MOST]


def _several(counted: Counter[str]) -> list[str]:
    return [word for word, number in sorted(counted.items(), key=lambda item: (-item[1], item[0])) if number > 1]
