"""Newcomers: in the middle of whatever else happens a steward invites, and who got the invite knocks at the door.

Some invites are used twice, some are taken back and some have expired; who comes knows whoever was awake just then.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from foodhub.circuit.statements import Admit, Invite, Role, Uninvite
from foodhub.log.keys import SigningKey
from foodhub.node.duties import unadmitted
from foodhub.node.hat import Hat
from tests.pens import MORNING, invite_key
from tests.simulator.circuit import ROLES, Circuit, Member
from tests.simulator.clock import MINUTE, YEAR, Clock
from tests.simulator.disk import Disk
from tests.simulator.door import Door
from tests.simulator.node import Node

COMES_WITHIN = 5 * MINUTE
KNOWN = 3
"""So many nodes a newcomer knows at most, beside whoever invited it."""
Add = Callable[[str, Member, Disk, Sequence[Node]], Node]


class Arrivals:
    """Lets `newcomers` come; `add` makes a node of one."""

    def __init__(self, circuit: Circuit, clock: Clock, chance: Random, nodes: Sequence[Node], add: Add) -> None:
        self.circuit = circuit
        self.clock = clock
        self.chance = chance
        self.nodes = nodes
        self.add = add
        self.newcomers: list[Node] = []
        self._keys = 0

    def forecast(self, count: int, length: float) -> None:
        """Put on the clock that so many invites are made, and what stewards do by themselves when somebody joined."""
        for node in self.nodes if count else ():
            node.duty = self.admit
        for _ in range(count):
            self.clock.at(self.chance.uniform(0, length), self._invite)

    def _invite(self) -> None:
        """Let a steward that is awake make an invite; one newcomer comes with it, or two."""
        hosts = [node for node in self.nodes if node.honest and node.awake and node.may_sign and is_steward(node)]
        if not hosts:
            return
        host, self._keys = self.chance.choice(hosts), self._keys + 1
        key = invite_key(f"{self.circuit.founder.name} came {self._keys}")
        roles = self.chance.sample(ROLES, self.chance.randint(1, 2))
        expired = self.chance.random() < 0.1
        if not self._say(host, Invite(key.public, list(roles), MORNING - 1 if expired else MORNING + YEAR)):
            return
        for guest in range(self.chance.choice([1, 1, 2])):
            come = partial(self._arrive, f"came {self._keys}.{guest}", key, roles, host, expired=expired)
            self.clock.after(self.chance.uniform(0, COMES_WITHIN), come)
        if self.chance.random() < 0.15:
            self.clock.after(self.chance.uniform(0, COMES_WITHIN), lambda: self._take_back(host, key))

    def _take_back(self, host: Node, key: SigningKey) -> None:
        if host.may_sign:
            self._say(host, Uninvite(key.public))

    def _say(self, host: Node, statement: object) -> bool:
        """Let a steward say something; return whether it could: a limit of its log may forbid it."""
        said: list[str | None] = []
        host.do(lambda: said.append(self.circuit.say(host.disk, host.pen, host.time, statement)))
        return said == [None]

    def _arrive(self, name: str, key: SigningKey, roles: Sequence[Role], host: Node, *, expired: bool) -> None:
        """Let a newcomer knock, with an empty disk, at whoever is awake."""
        member = Member(f"{self.circuit.founder.name} {name}", *roles, circuit=self.circuit.id)
        awake = [node for node in self.nodes if node.awake and node is not host]
        knows = [host, *self.chance.sample(awake, min(len(awake), self.chance.randint(0, KNOWN)))]
        node = self.add(name, member, Disk(self.circuit.id), knows)
        node.door = Door(key, lambda who: self.circuit.join(who.disk, member, key, who.time), expired=expired)
        node.duty = self.admit
        self.newcomers.append(node)
        node.wake()

    def admit(self, node: Node) -> None:
        """Do what the program of a steward does by itself: admit who came in on an invite of its own."""
        hat = Hat(node.pen.id, node.pen.device, node.name, ())
        if node.disk.standing(node.pen.device) and is_steward(node):
            for member, join in unadmitted(node.disk.db, hat):
                self.circuit.say(node.disk, node.pen, node.time, Admit(member, join))

    def at_the_door(self, member: Node) -> list[Node]:
        """Return the newcomers that a member would still let in, and who are not in."""
        return [
            node for node in self.newcomers if node.door is not None and node.door.knocks and _welcome(member, node)
        ]


def is_steward(node: Node) -> bool:
    """Say whether a node counts on its own disk as a steward's."""
    row = node.disk.db.execute("SELECT roles FROM member WHERE id = ?", (node.pen.id,)).fetchone()
    return node.disk.standing(node.pen.device) and row is not None and "steward" in row[0].split()


def _welcome(member: Node, newcomer: Node) -> bool:
    assert newcomer.door is not None
    return member.disk.visitor([newcomer.pen.device], newcomer.door.key.public).standing is not None
