"""One edge of the prefix tree, with the node it leads to."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headstart.prefix.leases import Lease
    from headstart.prefix.scopes import ScopeTree

LOCK: Final = 0
PIN: Final = 1
LEASE: Final = 2
BRANCH: Final = 3
"""What can keep a node, and where ``Node.holds`` counts it. BRANCH is another scope's node
hanging below: it keeps a shared node from being a leaf."""


class Node:
    """Whole pages that share one history: nothing ends, diverges or differs inside.

    ``holds[kind]`` counts the locks, pins, leases and foreign branches at this node or
    anywhere below it, so a node may be given up, sooner or later, when all four are 0.
    A pin or a lease is kept on the node whose last page is the end of its prefix.
    """

    __slots__ = (
        "birth",
        "children",
        "created",
        "foreign",
        "hits",
        "holds",
        "key",
        "last_access",
        "leases",
        "parent",
        "pins",
        "salt",
        "slots",
        "tick",
        "tree",
    )

    def __init__(
        self,
        tree: ScopeTree,
        parent: Node | None,
        key: bytes,
        slots: array[int],
        salt: str = "",
    ) -> None:
        self.tree = tree
        self.salt = salt
        self.parent = parent
        self.key = key
        self.slots = slots
        self.children: dict[bytes, Node] = {}
        self.foreign: dict[tuple[str, str], dict[bytes, Node]] | None = None
        """Other tenants' branches, by tenant and salt."""
        self.holds = [0, 0, 0, 0]
        self.leases: dict[str, Lease] | None = None
        self.pins: set[str] | None = None
        self.hits = 0
        self.tick = 0
        self.birth = 0
        self.created = 0.0
        self.last_access = 0.0

    @property
    def is_leaf(self) -> bool:
        """Nothing hangs below, of its own scope or of another."""
        return not self.children and not self.foreign

    @property
    def protected(self) -> bool:
        """Locked, pinned or leased, here or below."""
        holds = self.holds
        return bool(holds[LOCK] or holds[PIN] or holds[LEASE])

    @property
    def leased_until(self) -> float:
        """When the last lease on exactly this prefix ends; 0.0 without one."""
        leases = self.leases or {}
        return max((lease.until for lease in leases.values()), default=0.0)

    def path(self) -> list[Node]:
        """This node and its ancestors, tail first, without the (empty) root."""
        nodes = []
        node = self
        while node.parent is not None:
            nodes.append(node)
            node = node.parent
        return nodes

    def cut(self, at: int, page_bytes: int) -> Node:
        """Put a new node over this one that takes the first ``at`` bytes of its key.

        This object stays the lower part, so whatever points to the end of the prefix
        (locks, pins, leases, the eviction order) still does. The upper part has the same
        history, and everything that holds this node holds it too.
        """
        upper = Node(
            self.tree, self.parent, self.key[:at], self.slots[: at // page_bytes], self.salt
        )
        upper.holds = self.holds.copy()
        upper.hits, upper.tick, upper.birth = self.hits, self.tick, self.birth
        upper.created, upper.last_access = self.created, self.last_access
        upper.children[self.key[at : at + page_bytes]] = self
        self.key = self.key[at:]
        self.slots = self.slots[at // page_bytes :]
        self.parent = upper
        return upper
