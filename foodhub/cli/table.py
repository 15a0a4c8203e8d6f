"""Every command there is, in one table: what it says of itself in a list, and where its code lies.

The table is all that `foodhub --help` loads; the module of a command is loaded when the command is called.
"""

from collections.abc import Mapping
from typing import NamedTuple

from foodhub.errors import N_


class Entry(NamedTuple):
    """A command, or with `commands` a group of them; the code is the attribute PATH_WITH_UNDERSCORES of `module`."""

    summary: str
    module: str = ""
    commands: Mapping[str, "Entry"] = {}


COMMANDS: Mapping[str, Entry] = {
    "init": Entry(N_("Make a member in this home: a producer, group, hub or household."), "init"),
    "circuit": Entry(
        N_("Found a circuit, invite to it, join it."),
        commands={
            "found": Entry(N_("Found a circuit with a charter; you become its first steward."), "circuit"),
            "invite": Entry(N_("Print an invite: it lets one member in, once."), "circuit"),
            "uninvite": Entry(N_("Take back an invite that nobody has used."), "circuit"),
            "join": Entry(N_("Join a circuit on an invite, after reading its charter."), "joining"),
            "members": Entry(N_("List the members of the circuit."), "circuit"),
            "remove": Entry(N_("Remove a member from the circuit, for ever; for stewards."), "stewards"),
            "grant": Entry(N_("Give a member a role; for stewards."), "stewards"),
            "revoke": Entry(N_("Take a role from a member; for stewards."), "stewards"),
            "show": Entry(N_("Show the circuit and its charter."), "circuit"),
            "card": Entry(N_("Print where the circuit is, for somebody who has only the recovery words."), "recover"),
        },
    ),
    "device": Entry(
        N_("Your laptops and boxes: add one, retire one, see which keeps what."),
        commands={
            "list": Entry(N_("List the devices of a member and what each keeps."), "device"),
            "add": Entry(N_("Show a code with which a further device enrols."), "device"),
            "enrol": Entry(N_("Make this home a further device, on the code of another one."), "enrolling"),
            "retire": Entry(N_("Retire a device for ever: one that is lost, or given away."), "device"),
            "hand-over": Entry(N_("Hand a right over to another device."), "device"),
        },
    ),
    "recover": Entry(N_("Begin anew on this machine with the 24 recovery words."), "recover"),
    "node": Entry(
        N_("Run the network process of this home."),
        commands={"run": Entry(N_("Run the network process in the foreground until it is stopped."), "network")},
    ),
    "status": Entry(N_("Show the state of this home at a glance."), "network"),
    "peers": Entry(N_("List the other nodes: connected or not, and how far behind."), "network"),
    "product": Entry(
        N_("Publish products and look at those of others."),
        commands={
            "import": Entry(N_("Import a product list in Open Food Network's format (CSV)."), "importing"),
            "list": Entry(N_("List the products of the circuit."), "product"),
            "show": Entry(N_("Show one product with all that is known of it."), "product"),
            "add": Entry(N_("Publish a new product of your own."), "selling"),
            "set": Entry(N_("Change price, step or stock of a product of your own."), "selling"),
            "withdraw": Entry(N_("Withdraw a product of your own: it is sold no more."), "selling"),
        },
    ),
    "cycle": Entry(
        N_("Open order cycles and see where they stand."),
        commands={
            "new": Entry(N_("Make an order cycle: from when to when people order."), "cycle"),
            "list": Entry(N_("List the order cycles of the circuit."), "cycle"),
            "show": Entry(N_("Show a cycle, and what is set aside, promised and ordered in it."), "cycle"),
        },
    ),
    "allot": Entry(N_("Set stock aside for the hub of a cycle, which it may then promise."), "allot"),
    "order": Entry(
        N_("Place orders and follow them."),
        commands={
            "place": Entry(N_("Place an order in a cycle, or add to the one you have."), "placing"),
            "list": Entry(N_("List the orders you gave or received."), "order"),
            "show": Entry(N_("Show an order, line by line."), "order"),
            "cancel": Entry(N_("Cancel an order of your own, before its cycle closes."), "order"),
        },
    ),
    "erase": Entry(
        N_("Take back for good what you said, or ask others to."),
        commands={
            "order": Entry(N_("Erase what you said of an order, once its cycle is closed."), "erase"),
            "product": Entry(N_("Erase what is superseded of a product of your own."), "erase"),
            "entries": Entry(N_("Erase entries of your own by their place in a log."), "erase"),
            "request": Entry(N_("Ask a hub to erase its answers to your orders."), "erase"),
            "list": Entry(N_("List the requests to erase that you made or got."), "erase"),
        },
    ),
    "retention": Entry(
        N_("Say how long this home keeps what it signed."),
        commands={
            "show": Entry(N_("Show after how many months what is erased."), "retention"),
            "set": Entry(N_("Set after how many months orders or old catalog entries are erased."), "retention"),
        },
    ),
    "log": Entry(
        N_("Look at the signed logs themselves."),
        commands={
            "show": Entry(N_("List the logs held here and how far they go."), "log"),
            "verify": Entry(N_("Check every entry, link and signature again."), "log"),
            "prune": Entry(N_("Drop what lies before the last two checkpoints of catalog logs."), "retention"),
        },
    ),
    "doctor": Entry(N_("Examine this home: what is wrong with it, and what to do."), "doctor"),
    "backup": Entry(N_("Write all of this home but its keys to one encrypted file."), "backup"),
    "restore": Entry(N_("Make a new home from a backup."), "backup"),
    "disputed": Entry(N_("List what is set aside and counts nowhere, and say it again."), "disputed"),
    "rebuild": Entry(N_("Make all that is shown again from the logs."), "log"),
    "paths": Entry(N_("Show where the files of this home are."), "paths"),
    "demo": Entry(N_("Run a farm, a buying group and a hub on this machine, end to end."), "demo"),
}
"""By the words one types."""


def entry(path: str) -> Entry:
    """Return the entry of a command written as one types it: "product list"."""
    first, *more = path.split()
    found = COMMANDS[first]
    for word in more:
        found = found.commands[word]
    return found
