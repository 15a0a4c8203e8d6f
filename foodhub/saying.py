"""What both front ends say alike: money, quantities, and the words for states, reasons and roles.

It never decides anything: it turns values into words, and a code that it does not know is shown as it is.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from foodhub import words
from foodhub.errors import N_, FoodhubError
from foodhub.money import digits, format_money
from foodhub.quantity import COUNTED_IN, Unit, format_quantity
from foodhub.words import _, ngettext

if TYPE_CHECKING:
    from foodhub.node.alerts import Alert

_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}

ROLES: Final = {
    "steward": N_("steward"),
    "producer": N_("producer"),
    "group": N_("group"),
    "household": N_("household"),
    "hub": N_("hub"),
}
PHASES: Final = {"upcoming": N_("upcoming"), "open": N_("open"), "closed": N_("closed")}
BARGAINS: Final = {
    "direct": N_("direct"),
    "agency": N_("for a commission"),
    "resale": N_("resale"),
    "as_one": N_("as one"),
    "households": N_("each household for itself"),
}
RULES: Final = {
    "hub": N_("over all customers"),
    "group": N_("in each group"),
    "household": N_("by each household"),
    "cut": N_("left out"),
    "round_up": N_("bought all the same"),
    "open": N_("broken case"),
    "ask": N_("a person is asked"),
    "queue": N_("queue"),
    "fair": N_("one each in turn"),
    "proportional": N_("in proportion"),
    "equal": N_("equal shares"),
    "by_hand": N_("by hand"),
}
ORDER_STATES: Final = {
    "draft": N_("draft"),
    "sent": N_("sent"),
    "received": N_("received"),
    "late": N_("late"),
    "refused": N_("refused"),
    "cancelled": N_("cancelled"),
    "confirmed": N_("confirmed"),
    "packed": N_("packed"),
    "handed_over": N_("handed over"),
    "uncollected": N_("uncollected"),
    "settled": N_("settled"),
}
PARTLY: Final = {
    "late": N_("a part is late"),
    "refused": N_("a part was refused"),
    "late_change": N_("a change came too late"),
    "by_clock": N_("by the buyer's clock"),
}
PURCHASE_STATES: Final = {
    "sent": N_("not seen yet"),
    "seen": N_("seen"),
    "accepted": N_("accepted"),
    "part": N_("accepted in part"),
    "refused": N_("turned down"),
}
REASONS: Final = {
    "allotment_exhausted": N_("not enough set aside"),
    "not_permitted": N_("not sold at these terms"),
    "late": N_("too late"),
    "supplier_late": N_("its seller ordered it too late"),
    "not_open_yet": N_("too early"),
    "case_not_full": N_("case not full"),
    "minimum_not_met": N_("minimum not met"),
    "producer_short": N_("producer is short"),
    "shared_anew": N_("producer is short; to be shared anew"),
    "producer_refused": N_("producer refused"),
    "substituted": N_("substituted"),
    "damaged": N_("damaged"),
    "uncollected": N_("not collected"),
    "by_hand": N_("waits for the hub's word"),
    "declined": N_("declined by the hub"),
    "accepted_late": N_("late, accepted"),
    "buyers_clock": N_("by the buyer's clock"),
    "substituted_short": N_("substituted, producer is short"),
    "undecided": N_("the rest is not decided yet"),
    "open": N_("not decided yet"),
}
SUBSTITUTES: Final = {
    "ask": N_("ask before another stands in"),
    "size": N_("another size may stand in"),
    "cheaper": N_("an equal or cheaper one may stand in"),
}
ALLOT_REASONS: Final = {
    "other_product": N_("nobody can promise it: its giver sells no such product"),
    "hub_not_in_cycle": N_("nobody can promise it: this hub sells nothing in the cycle"),
}
TOLD: Final = {
    "phone": N_("by phone"),
    "paper": N_("on paper"),
    "sms": N_("by text message"),
    "person": N_("in person"),
}
STOCK_MODES: Final = {
    "counted": N_("counted"),
    "per_cycle": N_("per cycle"),
    "on_demand": N_("on demand"),
    "capped": N_("on demand, capped"),
}
ABOUT: Final = {"cases": N_("cases"), "shortfall": N_("shortfall")}
SLIP_RULES: Final = {
    "queue": N_("queue"),
    "fair": N_("fair: one each in turn"),
    "proportional": N_("in proportion"),
    "equal": N_("equal shares"),
    "by_hand": N_("by hand"),
}
SLIP_FAULTS: Final = {
    "other_wish": N_("not what you ordered"),
    "outside": N_("beyond the end of the queue"),
    "same_place": N_("two have one place in the queue"),
    "other_share": N_("another share follows from it"),
    "other_line": N_("the confirmation says another share"),
    "too_much": N_("more than there is"),
    "other_totals": N_("different queues are told of"),
    "same_rank": N_("two have one turn"),
}
REWORKED: Final = {
    "same": N_("the same"),
    "other": N_("something else"),
    "not_shown": N_("not all wishes are shown to you"),
    "apart": N_("something is still on its way"),
    "other_wish": N_("the queue has another wish of yours than your confirmation"),
    "other_share": N_("another quantity is yours"),
    "other_receipt": N_("the queue has another wish of somebody than was shown before the close"),
}
PEER_STATES: Final = {
    "connecting": N_("connecting"),
    "syncing": N_("syncing"),
    "connected": N_("connected"),
    "refused": N_("refuses us"),
    "turned_away": N_("turned away"),
    "offline": N_("not connected"),
}
INVITE_REASONS: Final = {
    "invite_unknown": N_("invite unknown"),
    "invite_used": N_("invite used"),
    "invite_revoked": N_("invite taken back"),
    "invite_expired": N_("invite expired"),
}
PEER_REASONS: Final = {
    **INVITE_REASONS,
    "device_retired": N_("device retired"),
    "member_removed": N_("member removed"),
    "other_circuit": N_("other circuit"),
    "unknown_author": N_("not known as a member"),
    "bad_version": N_("another version of foodhub"),
}
PROCESS_STATES: Final = {
    "starting": N_("starting"),
    "running": N_("running"),
    "failed": N_("failed"),
    "stopped": N_("stopped"),
}
LOGS: Final = words.LOGS
STATEMENTS: Final = {
    "found": N_("founding"),
    "join": N_("joining"),
    "epoch": N_("new key"),
    "invite": N_("invite"),
    "uninvite": N_("invite taken back"),
    "admit": N_("admission"),
    "grant": N_("role given"),
    "revoke": N_("role taken"),
    "remove": N_("removal"),
    "ticket": N_("code for a device"),
    "enrol": N_("enrolment of a device"),
    "certify": N_("device taken in"),
    "share": N_("keys handed on"),
    "retire": N_("device retired"),
    "recover": N_("recovery"),
    "keeper": N_("right handed over"),
    "erase": N_("erasure"),
    "profile": N_("name"),
    "product": N_("product"),
    "stock": N_("stock count"),
    "cycle": N_("order cycle"),
    "allot": N_("set aside"),
    "order": N_("order"),
    "receipt": N_("receipt"),
    "answer": N_("answer to an order"),
    "total": N_("total for a producer"),
    "case": N_("case"),
    "plan": N_("plan of a cycle"),
    "opening": N_("opening of a cycle"),
    "outgoing": N_("outgoing exchange"),
    "close": N_("close of a cycle"),
    "mandate": N_("mandate"),
    "allot_request": N_("request to set aside"),
    "lower": N_("request to give back"),
    "return": N_("given back"),
    "shortfall": N_("shortfall"),
    "remark": N_("remark on an order"),
    "standing": N_("standing order"),
    "tally": N_("tally"),
    "counted": N_("list at the close"),
    "queue": N_("queue at the close"),
    "confirmation": N_("confirmation"),
    "baskets": N_("baskets of a group"),
    "purchase": N_("purchase order"),
    "purchase_answer": N_("answer to a purchase order"),
    "contact": N_("contact card"),
    "belong": N_("household of a group"),
    "represented": N_("represented member"),
    "claim": N_("claim"),
    "claim_confirmed": N_("claim confirmed"),
    "successor": N_("who goes on as a represented producer"),
    "draft": N_("draft of a cycle"),
    "repeat": N_("repeating cycle"),
    "for": N_("on behalf of another"),
    "erase_request": N_("request to erase"),
    "erase_answer": N_("answer to a request to erase"),
}
AGAIN: Final = {
    "again": N_("is said again"),
    "superseded": N_("what counts is newer"),
    "same": N_("what counts says the same"),
    "closed": N_("its cycle is closed"),
    "other_device": N_("another device keeps this right"),
    "spent": N_("spends a right: never said twice"),
    "no_leave": N_("you may write for it no more"),
    "anew": N_("if it still holds, say it anew yourself"),
}
LIMITS: Final = {
    "forked": N_("forked at {seq}"),
    "removed": N_("removed, cut at {seq}"),
    "retired": N_("retired, cut at {seq}"),
}


def limited(why: str, limit: int, by: str = "") -> str:
    """Say what set the limit of a log (its first entry that does not count), and by whom; nothing for none."""
    if why == "removed" and by:
        return _("removed by {name}, cut at {seq}").format(name=by, seq=limit)
    return _(LIMITS[why]).format(seq=limit) if why in LIMITS else ""


def statements(said_there: Iterable[tuple[str, str]], most: int = 3) -> str:
    """Say in one line what an entry says, from (kind, name) of each statement: "product: Carrots, Leeks, …"."""
    names: dict[str, list[str]] = {}
    for kind, name in said_there:
        names.setdefault(kind, []).append(name)
    parts = []
    for kind, about in names.items():
        known = [name for name in about if name]
        shown = [*known[:most], "…"] if len(known) > most else known
        parts.append(titled(said(STATEMENTS, kind), ", ".join(shown)))
    return together(parts)


def titled(title: str, text: str) -> str:
    """Say a title and what belongs to it, with the colon as the language writes it; a title alone has none."""
    return _("{title}: {text}").format(title=title, text=text) if text else title


def together(parts: Iterable[str]) -> str:
    """Say several things in one line: "producer is short; another size may stand in"; what is empty is left out."""
    # Translators: what stands between two things that are said in one line, with the spaces around it.
    return _("; ").join(filter(None, parts))


def ago(timestamp: int, now: int) -> str:
    """Say how long ago something was; both in ms, 0 for never."""
    if timestamp <= 0:
        return _("never")
    seconds = max(now - timestamp, 0) // 1000
    if seconds < 2:
        return _("now")
    if seconds < 90:
        return _("{n} s ago").format(n=seconds)
    if seconds < 90 * 60:
        return _("{n} min ago").format(n=seconds // 60)
    if seconds < 48 * 3600:
        return _("{n} h ago").format(n=seconds // 3600)
    days = seconds // 86400
    return ngettext("{n} day ago", "{n} days ago", days).format(n=days)


def said(table: dict[str, str], code: str) -> str:
    """Say a code of one of the tables above; one that is not in it as it is."""
    return _(table[code]) if code in table else code.replace("_", " ")


def ordered_by(name: str | None, identity: str, written_by: str, told: str) -> str:
    """Say who ordered: a household of somebody else has no name, and what was typed for somebody shows that it was."""
    whom = name or words.unnamed(identity[:4])
    if not written_by:
        return whom
    how = said(TOLD, told) if told else _("typed by {name}").format(name=written_by)
    return f"{whom}, {how}"


def roles(codes: Iterable[str]) -> str:
    """Say the roles of a member."""
    return ", ".join(said(ROLES, code) for code in codes)


def decimal_mark() -> str:
    """Return the mark between whole and part in the language spoken."""
    # Translators: one and a half, as a number is written; only the mark between the digits is used.
    return _("1.5")[1]


def money(amount: int, currency: str) -> str:
    """Say an amount of minor units: "2.45 €"."""
    text = format_money(amount, currency)
    return f"{text.replace('.', decimal_mark()) if digits(currency) else text} {_SYMBOLS.get(currency, currency)}"


def price(amount: int, currency: str, per: str) -> str:
    """Say a price: "2.45 €" for a piece, "2.45 €/kg" for goods by weight or volume."""
    return money(amount, currency) if per == "piece" else f"{money(amount, currency)}/{per}"


def quantity(amount: int, unit: str) -> str:
    """Say a quantity of g, ml or pieces."""
    return format_quantity(amount, cast("Unit", unit), decimal_mark())


def counted(amount: int, per: str) -> str:
    """Say how much there is, or is ordered, of goods with a price per piece, kg or l: "44", "12.5 kg"."""
    return quantity(amount, COUNTED_IN.get(per, "piece"))


def wished(amount: int, tolerance: int, per: str) -> str:
    """Say how much is wanted, and how much more would be taken: "2 + 1"."""
    return f"{counted(amount, per)} + {counted(tolerance, per)}" if tolerance else counted(amount, per)


def order_state(state: str, partly: Iterable[str]) -> str:
    """Say the state of an order, and what else has become of a part of it."""
    return ", ".join([said(ORDER_STATES, state), *(said(PARTLY, each) for each in partly)])


def line_remark(
    reason: str, confirmed: int | None, share: int | None, per: str, note: str, *, left: int = 0, substitute: str = ""
) -> str:
    """Say why a line of an order got less, and the share where the close left another one than was confirmed.

    `note` is what the producer said of it. `left` is how much of it was not taken in, where some was; `substitute` what
    may stand in for it.
    """
    why = titled(said(REASONS, reason), note)
    if left:
        why = titled(_("{amount} of it").format(amount=counted(left, per)), why)
    if share is not None and share != confirmed:
        why = titled(_("your share is {share}").format(share=counted(share, per)), why)
    return together((why, said(SUBSTITUTES, substitute)))


def warned(alert: "Alert") -> tuple[str, str]:
    """Say what a person should know, and what to do; of a home with several members also who has to act."""
    text, hint = words.say(FoodhubError(alert.code, alert.text, alert.hint, **alert.details))
    # Translators: --as is an option, to be left as it is.
    return (_('For {name} (--as "{name}"): {text}').format(name=alert.hat, text=text) if alert.hat else text), hint


def too_late(amount: int | None, per: str) -> str:
    """Say what a buyer wanted of a line instead of what stands, too late; nothing for None."""
    return "" if amount is None else _("{amount} instead came too late").format(amount=counted(amount, per))
