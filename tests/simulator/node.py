"""A node of a scenario: a disk, links and what its network process would do, without process, socket or clock.

It does what `foodhub.p2p.circle` and `intake` do: it dials, seats links, commits what came, and tells what is new.
"""

from collections.abc import Callable, Sequence
from random import Random

from foodhub.node.exchange import Arrival
from foodhub.p2p.commands import Commit
from foodhub.p2p.intake import ENTRIES_PER_COMMIT
from foodhub.p2p.proof import Party
from tests.pens import MORNING, Pen
from tests.simulator.clock import SECOND, Clock
from tests.simulator.disk import Disk
from tests.simulator.door import Door
from tests.simulator.link import Aside, Link
from tests.simulator.watch import NOT_THE_ONE, Watch
from tests.simulator.wire import Tamper, Wire

MOST_LINKS = 12
ANNOUNCE_BYTES = 16 * 1024
SYNC_EVERY = (120.0 * SECOND, 240.0 * SECOND)
DIAL_EVERY = (10.0 * SECOND, 40.0 * SECOND)
AT_ONCE = 10 * SECOND
COMMITTING = (0.5, 40.0)
"""Ms from the arrival of a run to its commit."""
PRUNING = 0.5
"""How often a node prunes before it links."""
Reaches = Callable[["Node", "Node"], bool]


class Node:
    """A node; `knows` are the nodes whose addresses it has, `reaches` says who can be dialed just now.

    `late` is by how much its clock is wrong, in ms.
    """

    def __init__(self, name: str, pen: Pen, disk: Disk, clock: Clock, chance: Random) -> None:
        self.name = name
        self.honest = True
        self.late = 0
        self.pen = pen
        self.disk = disk
        self.clock = clock
        self.chance = chance
        self.knows: list[Node] = []
        self.reaches: Reaches = lambda one, other: one.awake and other.awake
        self.tamper: Tamper | None = None
        self.awake = False
        self.links: dict[str, Link] = {}
        self.accusations: list[tuple[str, str]] = []
        self.wires: list[Wire] = []
        self.most_committing = 0
        self.on_wake: list[Callable[[], None]] = []
        self.watch: Watch | None = None
        self.door: Door | None = None
        self.duty: Callable[[Node], None] | None = None
        """What its program does by itself when something has arrived."""
        self._life = 0
        self._queue: list[tuple[Link, Commit]] = []
        self._aside: list[tuple[Link, Aside]] = []
        self._arrival = 0
        self._heads: dict[tuple[bytes, int], int] = {}

    def do(self, act: Callable[[], None]) -> None:
        """Let its owner do something, and tell everybody."""
        act()
        self.tell_news()

    @property
    def time(self) -> int:
        """Return what its clock says."""
        return MORNING + int(self.clock.now) + self.late

    # The guard

    def keep_watch(self, *, copied: bool = False) -> None:
        """Guard the logs of this home; `copied` is one that stands elsewhere than its keys were made for."""
        self.watch = Watch(self.pen, copied=copied)
        self.disk.guards = {self.pen.device: self.watch}
        self.watch.remember(self.disk.db)

    @property
    def may_sign(self) -> bool:
        """Say whether the guard, if there is one, lets this home write."""
        return self.watch is None or self.watch.reason(self.disk.db) is None

    @property
    def is_true(self) -> bool:
        """Say whether this is the home that wrote last, as far as its guard knows."""
        return self.watch is None or self.watch.reason(self.disk.db) not in NOT_THE_ONE

    @property
    def is_shut(self) -> bool:
        """Say whether this is a newcomer that has given up."""
        return self.door is not None and self.door.shut

    def set_back(self, disk: Disk, *, forgets: bool) -> None:
        """Put an old disk in the place of this one, while asleep; if it `forgets`, so does its guard."""
        assert self.watch is not None
        self.sleep()
        disk.guards, self.disk = self.disk.guards, disk
        if forgets:
            self.watch.state = {}

    # Waking and sleeping

    def wake(self) -> None:
        """Start the network process."""
        if self.awake:
            return
        self.awake = True
        self._life += 1
        self._queue = []
        self._aside = []
        if self.chance.random() < PRUNING:
            self.disk.prune()
        self._arrival, _ = self.disk.news(0)
        self._heads = {(item.author, item.log): item.seq for item in self.disk.frontier()}
        self._again(self.chance.uniform(0, 5 * SECOND), self._keep_dialing)
        self._again(self.chance.uniform(*SYNC_EVERY), self._keep_syncing)
        waiting, self.on_wake = self.on_wake, []
        for act in waiting:
            self.do(act)

    def sleep(self) -> None:
        """Stop it: what was not committed is lost, and peers notice some time later."""
        self.awake = False
        self._life += 1
        self._queue = []
        self._aside = []
        for link in list(self.links.values()):
            link.wire.cut()
            link.lost()

    def _again(self, delay: float, act: Callable[[], None]) -> None:
        """Do something later, unless this life has ended by then."""
        life = self._life
        self.clock.after(delay, lambda: act() if life == self._life else None)

    # Links

    def _keep_dialing(self) -> None:
        self._again(self.chance.uniform(*DIAL_EVERY), self._keep_dialing)
        if sum(link.party.dialer for link in self.links.values()) < MOST_LINKS:
            self._dial_all()

    def dial(self, peer: "Node") -> None:
        """Dial a node, unless there is a link with it or it is out of reach."""
        if peer is self or peer.name in self.links or not self.reaches(self, peer):
            return
        if self.is_shut or peer.is_shut:
            return
        wire = Wire(self.clock, self.chance)
        self.wires.append(wire)
        mine, theirs = self._link(peer, wire, dialer=True), peer._link(self, wire, dialer=False)
        wire.ends += [mine, theirs]
        peer._seat(theirs)
        self._seat(mine)
        theirs.start()
        mine.start()

    def _link(self, peer: "Node", wire: Wire, *, dialer: bool) -> Link:
        keys = (self.pen.keys.signing,)
        invite = self.door.key if self.door is not None and self.door.knocks else None
        party = Party(self.disk.circuit, dialer, self.name, peer.name, self.chance.randbytes(32), keys, invite)
        return Link(self, peer, wire, party)

    def _seat(self, link: Link) -> None:
        """Give a link its place: an old one beside which a new one comes in has been lost on the other side."""
        old = self.links.pop(link.peer.name, None)
        self.links[link.peer.name] = link
        if old is not None:
            old.close()

    def unlink(self, link: Link) -> None:
        """Forget a link that has ended."""
        if self.links.get(link.peer.name) is link:
            del self.links[link.peer.name]

    def _keep_syncing(self) -> None:
        self._again(self.chance.uniform(*SYNC_EVERY), self._keep_syncing)
        if self.links:
            self.chance.choice(list(self.links.values())).sync()

    def knock_again(self) -> None:
        """End all links, since this node proves itself in another way now, and dial anew."""
        for link in list(self.links.values()):
            link.close()
        self._again(SECOND, self._dial_all)

    def _dial_all(self) -> None:
        for peer in self.knows:
            self.dial(peer)

    def heard(self, logs: Sequence[tuple[bytes, int, int]]) -> None:
        """Take note of what a peer says that it holds."""
        if self.door is not None and not self.door.heard and any(key[:2] == (self.pen.device, 0) for key in logs):
            self.door.heard = True
            self.door.look(self)

    def settled(self) -> None:
        """Take note that a round with a peer is over."""

    def accuse(self, peer: "Node", code: str) -> None:
        """Note that a peer broke a rule."""
        self.accusations.append((peer.name, code))

    # Taking and telling

    def take(self, link: Link, commit: Commit) -> None:
        """Queue a run that came."""
        if not self._queue:
            self._again(self.chance.uniform(*COMMITTING), self._commit)
        self._queue.append((link, commit))
        self.most_committing = max(self.most_committing, link.committing)

    def take_aside(self, link: Link, command: Aside) -> None:
        """Queue what came beside runs: it overtakes runs that came before it, and never those that came after."""
        self._aside.append((link, command))
        self._again(self.chance.uniform(0, COMMITTING[1]), self._commit_aside)

    def _commit_aside(self) -> None:
        waiting, self._aside = self._aside, []
        for link, command in waiting:
            if not link.closed:
                link.take(command)
        if waiting:
            self.tell_news()

    def _commit(self) -> None:
        self._commit_aside()
        batch, entries = [], 0
        while self._queue and entries < ENTRIES_PER_COMMIT:
            batch.append(self._queue.pop(0))
            entries += len(batch[-1][1].run.ids)
        if self._queue:
            self._again(self.chance.uniform(*COMMITTING), self._commit)
        arrivals = [Arrival(commit.run, commit.payloads, link.peer.name) for link, commit in batch]
        for (link, commit), result in zip(batch, self.disk.take(arrivals), strict=True):
            link.committed(commit, result)
        self._do_duties()
        self.tell_news()

    def _do_duties(self) -> None:
        if self.door is not None:
            self.door.look(self)
        if self.duty is not None and self.honest and self.may_sign:
            self.duty(self)

    def tell_news(self) -> None:
        """Announce what the logs gained since the last time, be it ours or somebody else's."""
        if not self.awake:
            return
        since = self._arrival
        self._arrival, changed = self.disk.news(since)
        if proofs := self.disk.new_forks(since):
            for link in list(self.links.values()):
                link.tell_forks(proofs)
        for author, log, seq in changed:
            before = self._heads.get((author, log), 0)
            if seq > before:
                self._heads[author, log] = seq
                self._announce(author, log, before, seq)

    def _announce(self, author: bytes, log: int, before: int, seq: int) -> None:
        lacking = [link for link in self.links.values() if link.session.peer_has.get((author, log), 0) < seq]
        if not lacking:
            return
        found = self.disk.run(author, log, before, ANNOUNCE_BYTES)
        complete = found is not None and found[0].first + len(found[0].lines) - 1 == seq
        if not complete:
            found = self.disk.run(author, log, seq - 1)
        if found is not None:
            for link in lacking:
                link.tell(found[0], found[1] if complete else [])
