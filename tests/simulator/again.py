"""What happens twice in half of the trading scenarios: cycles are opened again, laptops take over twice at once.

Somebody closes early and sends the purchase orders, farms accept them, the coordinator opens the cycle again, people
order once more, and it closes at its new time or sooner. A hub begins anew at two places, so that a close may go with
one laptop and come back with the other. All of it is drawn from a seed of its own: the other half plays as without it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from tests.simulator.clock import MINUTE, Clock
from tests.simulator.dealings import Dealings, Deed
from tests.simulator.losses import Losses

HALF = 0.5
"""How often a scenario has any of this, and how often a hub then begins anew twice."""
ROUNDS = 3
"""So often a cycle is closed, bought for and opened again at most."""
Act = Callable[[str, Sequence[Deed]], None]


class Again:
    """Puts on the clock what happens twice; `act` lets somebody of a role do one of some deeds."""

    def __init__(self, clock: Clock, chance: Random, dealings: Dealings, losses: Losses, act: Act) -> None:
        self.clock = clock
        self.chance = chance
        self.dealings = dealings
        self.losses = losses
        self.act = act

    def forecast(self, length: float) -> None:
        """Put it on the clock, or nothing."""
        if self.chance.random() < HALF:
            return
        for _ in range(self.chance.randint(1, ROUNDS)):
            self._forecast_round(self.chance.uniform(0.2, 0.95) * length, length)
        if self.chance.random() < HALF:
            self.clock.at(self.chance.uniform(0.1, 0.9) * length, self.losses.strike_twice)

    def _forecast_round(self, begin: float, length: float) -> None:
        """Let a cycle close, be bought for, be opened again and ordered from, all of it within some minutes."""
        chance, deals = self.chance, self.dealings
        end = min(begin + chance.uniform(2, 15) * MINUTE, length)
        steps: list[tuple[str, Deed]] = [("coordinator", deals.shut), ("coordinator", deals.shut), ("hub", deals.buy)]
        steps += [("producer", deals.deliver)] * chance.choice([0, 0, 1, 3])
        steps += [("coordinator", deals.reopen)] * chance.choice([1, 2, 3])
        steps += [("household", chance.choice([deals.order, deals.amend, deals.cancel])) for _ in range(5)]
        steps += [("coordinator", deals.shut), ("hub", deals.buy)] * chance.choice([0, 1])
        times = sorted(chance.uniform(begin, end) for _ in steps)
        for time, (role, deed) in zip(times, steps, strict=True):
            self.clock.at(time, partial(self.act, role, [deed]))
