"""Other gateways, as far as their batches show them: which came, and how their clocks stand."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

MOST_PEERS: Final = 256
SILENT: Final = 60.0
"""Seconds without a word after which a gateway is not counted as there."""
NOISE: Final = 1.0
"""Seconds by which two clocks may differ before that is reckoned with: less may be the way."""
_WINDOW: Final = 32


class Peer:
    """One gateway's life."""

    __slots__ = ("_offsets", "heard", "number")

    def __init__(self) -> None:
        self.number = -1
        self.heard = float("-inf")
        self._offsets: deque[float] = deque(maxlen=_WINDOW)

    def takes(self, number: int) -> bool:
        """Whether that batch is new: the way to Valkey may have been gone twice."""
        new = number > self.number
        self.number = max(number, self.number)
        return new

    def offset(self, stored: float, sent: float) -> float:
        """Seconds that the server's clock is ahead of the gateway's: the least difference of
        late, since the way adds to it."""
        self._offsets.append(stored - sent)
        return min(self._offsets)


class Peers:
    """By the random name that each takes at its start."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, Peer] = OrderedDict()

    def of(self, gateway: bytes) -> Peer:
        """Made if it is new; the one heard of longest ago goes for it."""
        peer = self._held.get(gateway)
        if peer is None:
            peer = self._held[gateway] = Peer()
            if len(self._held) > MOST_PEERS:
                self._held.popitem(last=False)
        self._held.move_to_end(gateway)
        return peer

    def there(self, now: float) -> int:
        """Gateways heard of lately."""
        return sum(now - peer.heard < SILENT for peer in self._held.values())
