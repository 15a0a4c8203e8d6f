"""Every command there is, in one table: what it says of itself in a list, and where its code lies.

The table is all that `foodhub --help` loads; the module of a command is loaded when the command is called.
"""

from collections.abc import Mapping
from typing import NamedTuple

from foodhub.errors import N_


class Entry(NamedTuple):
    """A command, or with `commands` a group of them, or both; the code is PATH_WITH_UNDERSCORES in `module`."""

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
    "member": Entry(
        N_("Write for members who have no computer."),
        commands={
            "add": Entry(N_("Begin to write for a member who has no computer."), "member"),
            "list": Entry(N_("List the members for whom you write."), "member"),
            "show": Entry(N_("Show a member for whom you write."), "member"),
            "end": Entry(N_("Write for a member no more."), "member"),
            "claim": Entry(N_("Say that you are whom another member represents."), "member"),
            "confirm": Entry(N_("Confirm who a represented member is: it goes on by itself."), "member"),
        },
    ),
    "contact": Entry(
        N_("Say how to reach a household: only its group and its hubs read it."),
        commands={
            "set": Entry(N_("Write your contact card, or that of a member for whom you write."), "contact"),
            "show": Entry(N_("Show a contact card."), "contact"),
            "erase": Entry(N_("Erase your contact card, everywhere."), "contact"),
        },
    ),
    "group": Entry(
        N_("Buy through a group, and see who is in it."),
        commands={
            "join": Entry(N_("Buy through a group from now on."), "group"),
            "leave": Entry(N_("Buy no more through your group."), "group"),
            "show": Entry(N_("Show the group and its households."), "group"),
            "close": Entry(N_("Take no more wishes in a cycle, before the closing time."), "group"),
        },
    ),
    "wish": Entry(
        N_("Say what the households of a group want."),
        commands={
            "set": Entry(N_("Enter a wish: your own, or that of a household for whom you write."), "wish"),
            "import": Entry(N_("Enter the wishes of a file (CSV)."), "wish"),
            "paste": Entry(N_("Enter a wish from a message."), "wish"),
            "table": Entry(N_("Show all wishes: households and products."), "wish"),
            "missing": Entry(N_("List the households that have not said what they want."), "wish"),
        },
    ),
    "mandate": Entry(
        N_("Let another member state some of your facts."),
        commands={
            "give": Entry(N_("Let another member state your prices, stock or labels."), "mandate"),
            "end": Entry(N_("End a mandate."), "mandate"),
            "list": Entry(N_("List the mandates that you gave or hold."), "mandate"),
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
            "go-on": Entry(N_("Go on without what is missing of a retired device."), "device"),
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
            "list": Entry(N_("List the order cycles of the circuit."), "overview"),
            "show": Entry(N_("Show a cycle, and what is set aside, promised and ordered in it."), "overview"),
            "set": Entry(N_("Change a cycle: its name, its times, who takes part."), "planning"),
            "bring": Entry(N_("Say what a producer brings into a cycle, where and when."), "planning"),
            "sell": Entry(N_("Say how your hub or group sells in a cycle, and until when."), "offering"),
            "check": Entry(N_("See what is missing before a cycle opens."), "checking"),
            "publish": Entry(N_("Publish a draft: from then on everybody knows the cycle."), "copying"),
            "drop": Entry(N_("Drop a draft: it never becomes a cycle."), "copying"),
            "clone": Entry(N_("Make a cycle like another one, some weeks later."), "copying"),
            "repeat": Entry(N_("Let a cycle come again every week, or every few weeks."), "copying"),
            "announce": Entry(
                N_("Print what to tell your members of a cycle, to paste it into their chat."), "announcing"
            ),
            "decide": Entry(N_("Say before the close what becomes of what no case holds."), "deciding"),
            "close": Entry(N_("Close a cycle now."), "closing"),
            "reopen": Entry(N_("Open a closed cycle again, with a new closing time."), "closing"),
        },
    ),
    "stock": Entry(
        N_("Count your stock, and see where all of it is."),
        commands={
            "set": Entry(N_("Count products, or say what there is of them in each cycle."), "stock"),
            "paste": Entry(N_("Count products from a pasted list."), "pasting"),
            "show": Entry(N_("Show where your stock is: counted, set aside, promised, free."), "stock"),
            "case": Entry(N_("Say in which case a product leaves you."), "stock"),
        },
    ),
    "allot": Entry(
        N_("Set stock aside for the hub of a cycle, which it may then promise."),
        "allot",
        commands={
            "request": Entry(N_("Ask producers to set stock aside for you; for hubs."), "requesting"),
            "list": Entry(N_("List what hubs ask you to set aside."), "requesting"),
            "grant": Entry(N_("Set aside what hubs asked for, as far as it is free."), "requesting"),
            "rule": Entry(N_("Say whether this home grants requests by itself."), "requesting"),
            "lower": Entry(N_("Ask for stock back that you set aside."), "lowering"),
        },
    ),
    "shortfall": Entry(N_("Say that you have less than was promised, and why."), "shortfall"),
    "order": Entry(
        N_("Place orders and follow them."),
        commands={
            "place": Entry(N_("Place an order in a cycle, or add to the one you have."), "placing"),
            "list": Entry(N_("List the orders you gave or received."), "order"),
            "show": Entry(N_("Show an order, line by line."), "order"),
            "amend": Entry(N_("Change what an order of your own holds, before its cycle closes."), "amending"),
            "cancel": Entry(N_("Cancel an order of your own, before its cycle closes."), "amending"),
            "remark": Entry(N_("Say a word about an order, and what may stand in for its lines."), "amending"),
            "accept-late": Entry(N_("Let an order count that you received after the close."), "deciding"),
            "confirm": Entry(N_("Say yes to an order, if you work by hand."), "deciding"),
            "decline": Entry(N_("Say no to an order, if you work by hand."), "deciding"),
            "substitute": Entry(N_("Give another product in the place of a line, as its buyer lets you."), "deciding"),
        },
    ),
    "purchase": Entry(
        N_("Purchase orders from hubs to producers."),
        commands={
            "list": Entry(N_("List the purchase orders you sent or got."), "purchase"),
            "show": Entry(N_("Show a purchase order, line by line."), "purchase"),
            "send": Entry(N_("Send the purchase orders of a closed cycle now."), "purchase"),
            "accept": Entry(N_("Accept a purchase order, or a part of it."), "purchase"),
            "refuse": Entry(N_("Refuse a purchase order, with a reason."), "purchase"),
        },
    ),
    "desk": Entry(
        N_("The desk of a hub or group: its queue, and what waits for a person."),
        commands={
            "show": Entry(N_("Show the queue, what is late, and what waits for your word."), "desk"),
            "share": Entry(N_("Share what there is of a product of which less came."), "desk"),
        },
    ),
    "slip": Entry(
        N_("Check your share, and compare it with that of others."),
        commands={
            "show": Entry(N_("Show your slips of a cycle, worked out again."), "slip"),
            "check": Entry(N_("Work out again what everybody gets, where all wishes may be read."), "slip"),
            "export": Entry(N_("Write your slips of a cycle to a file that others can check."), "slip"),
            "compare": Entry(N_("Compare two files of slips: can both be true?"), "slip"),
        },
    ),
    "standing": Entry(
        N_("Order the same at every opening of a cycle."),
        commands={
            "add": Entry(N_("Order these products at every opening from now on."), "standing"),
            "list": Entry(N_("List your standing orders."), "standing"),
            "pause": Entry(N_("Pause a standing order."), "standing"),
            "resume": Entry(N_("Go on with a standing order that was paused."), "standing"),
            "end": Entry(N_("End a standing order."), "standing"),
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
