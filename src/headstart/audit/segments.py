"""All distinct segments of the logs, and their texts."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from typing import Final

import zstandard

from headstart.audit.faces import Face, Kept, cuts_of
from headstart.prompt import Kind, Segment
from headstart.prompt.chain import SECTIONS
from headstart.prompt.cuts import digest
from headstart.providers.breakpoints_thinking import DROPPED

_RECENT: Final = 256
"""Texts that are kept as they are."""
_PATHS: Final = 2048
"""Paths that are kept."""


class Segments:
    """Numbered from 0, as they are added. ``face`` has what there is to know of each.

    Texts beyond ``text_bytes`` (compressed) are not held; their segments are.
    """

    def __init__(self, text_bytes: int) -> None:
        self._room = text_bytes
        self._unpack = zstandard.ZstdDecompressor().decompress
        self._recent: OrderedDict[int, str] = OrderedDict()
        self._variants: dict[tuple[int, str], int] = {}
        self.faces: list[Face] = []
        self.texts_dropped = 0

    def __len__(self) -> int:
        return len(self.faces)

    def add(self, face: Face) -> int:
        """Its number."""
        if face.text is not None:
            size = len(face.text.middle)
            based = face.text.base < 0 or self.faces[face.text.base].text is not None
            if size > self._room or not based:
                face = face._replace(text=None)
                self.texts_dropped += 1
            else:
                self._room -= size
        self.faces.append(face)
        return len(self.faces) - 1

    def text(self, number: int) -> str | None:
        """None where it is not known."""
        found = self._recent.get(number)
        if found is not None:
            self._recent.move_to_end(number)
            return found
        path: list[Kept] = []
        at = number
        while at >= 0 and at not in self._recent:
            kept = self.faces[at].text
            if kept is None:
                return None
            path.append(kept)
            at = kept.base
        text = self._recent[at] if at >= 0 else ""
        for kept in reversed(path):
            raw = self._unpack(kept.middle) if kept.packed else kept.middle
            middle = raw.decode("utf-8", "surrogatepass")
            text = text[: kept.head] + middle + (text[len(text) - kept.tail :] if kept.tail else "")
        self._recent[number] = text
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return text

    def ghost(self, number: int) -> int:
        """The same to a cache, and no tokens: what a request would have had and did not."""
        return self._variant(number, "ghost", tokens=0)

    def dropped(self, number: int) -> int:
        """What stands for a block that its provider leaves out of the prompt."""
        face = self.faces[number]
        key = digest(b"dropped", face.role.encode())
        return self._variant(number, "dropped", tokens=0, digest=key, type=DROPPED, cuts=b"")

    def like(self, number: int, other: int) -> int:
        """In the place of the one, the content of the other."""
        face = self.faces[other]
        if face.digest == self.faces[number].digest:
            return number
        return self._variant(
            number,
            "like " + face.digest.hex(),
            digest=face.digest,
            tokens=face.tokens,
            size=face.size,
            cuts=face.cuts,
        )

    def spare(self, number: int, tokens: int) -> int:
        """The same to a cache, with other tokens."""
        return self._variant(number, f"spare {tokens}", tokens=max(0, tokens))

    def virtual(self, like: int, name: str, text: str, tokens: int) -> int:
        """A segment that no request had, in the place of one: ``name`` makes it the same as
        all others of this name."""
        key = digest(b"virtual", name.encode("utf-8", "surrogatepass"))
        content = text.encode("utf-8", "surrogatepass")
        cuts = cuts_of(content)
        found = self._variant(
            like, "virtual " + key.hex(), digest=key, cuts=cuts, tokens=tokens, size=len(content)
        )
        self._recent[found] = text
        return found

    def shown(self, number: int, text: str | None = "") -> Segment:
        """As a ``Segment``, with a text given or (None) its own."""
        face = self.faces[number]
        own = self.text(number) if text is None else text
        return Segment(
            kind=self.kind(number),
            role=face.role,
            message=-1,
            part=face.part,
            text=own or "",
            content=None,
            ttl=None,
            type=face.type,
            canonical=face.digest.hex().encode(),
        )

    def kind(self, number: int) -> Kind:
        """Its section."""
        return SECTIONS[self.faces[number].kind]

    def _variant(self, number: int, name: str, **fields: object) -> int:
        found = self._variants.get((number, name))
        if found is None:
            # Fields are those of a face, which mypy cannot see in a mapping.
            face = self.faces[number]._replace(text=None, **fields)  # type: ignore[arg-type]
            found = self._variants[number, name] = len(self.faces)
            self.faces.append(face)
        return found


class Trie:
    """Prompts as paths of segments: each distinct prefix is one node, numbered from 1; 0 is
    the empty one."""

    def __init__(self) -> None:
        self.parent = array("i", [0])
        self.segment = array("i", [-1])
        self.depth = array("i", [0])
        self._child: dict[int, int] = {}
        self._recent: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.parent)

    def step(self, node: int, segment: int) -> int:
        """The node behind this one that a segment leads to, made if need be."""
        key = node << 32 | segment
        found = self._child.get(key)
        if found is None:
            found = self._child[key] = len(self.parent)
            self.parent.append(node)
            self.segment.append(segment)
            self.depth.append(self.depth[node] + 1)
        return found

    def path(self, node: int) -> list[int]:
        """The segments from the root to a node; not to be changed. Most prompts go on from one
        that was asked for shortly before."""
        recent, parent, segment = self._recent, self.parent, self.segment
        at, new = node, list[int]()
        while at and at not in recent:
            new.append(segment[at])
            at = parent[at]
        new.reverse()
        found = recent[at] + new if at else new
        if new:
            recent[node] = found
            if len(recent) > _PATHS:
                del recent[next(iter(recent))]
        return found
