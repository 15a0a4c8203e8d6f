"""`foodhub product import`: a farmer's own file becomes a catalog, all of it or with every fault listed.

All rows are checked before the first is signed. The rows become the acting member's, whatever the file calls its
producer: a name that differs is shown, and on a terminal asked about.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foodhub.catalog.naming import fold
from foodhub.catalog.ofn import Fault, Row, Sheet
from foodhub.catalog.ofn import read as read_sheet
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import FILE, argument, command, option, pass_call
from foodhub.cli.output import cell, say, show
from foodhub.cli.running import Pen, pen, run
from foodhub.cli.speaking import for_member, told
from foodhub.errors import N_, FoodhubError, NotThereError, RefusedError, UsageError
from foodhub.node.buyers import Buyer
from foodhub.node.catalog_import import IMPORT_SLICE, ImportPlan, import_slice, plan_import, zero_stock
from foodhub.node.hat import currency
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.saying import together
from foodhub.words import _, ngettext
from foodhub.words import say as say_error

_STANDARD_INPUT = Path("-")


@command(
    "product import",
    signs=True,
    examples=[
        "foodhub product import products.csv --dry-run",
        'foodhub product import shared.csv --producer "Ferme du Val" --as Val',
        'foodhub product import lac.csv --for "Ferme du Lac" --by paper',
    ],
    more=N_(
        "All rows are checked first: with a bad one nothing is imported, and every fault is listed with its place."
        " Importing the same file again changes nothing. A file named - is read from standard input."
    ),
)
@argument("file", type=FILE)
@option("--producer", metavar="NAME", help=N_("Of several producers in one file, import this one's rows."))
@option("--skip-bad", is_flag=True, help=N_("Import the good rows although others have faults."))
@option("--zero-missing", is_flag=True, help=N_("Set the stock of your products that are not in the file to 0."))
@for_member
@pass_call
def product_import(call: Call, file: Path, producer: str | None, skip_bad: bool, zero_missing: bool) -> None:
    """Import a file."""
    data = sys.stdin.buffer.read() if file == _STANDARD_INPUT else file.read_bytes()
    result = run(_Import(call, producer, skip_bad=skip_bad, zero_missing=zero_missing).run(data))
    show(call, result, lambda: _draw(call, result))


def said(fault: Fault) -> dict[str, Any]:
    """Return a fault as it is shown: the sentences translated and filled in."""
    message, hint = say_error(FoodhubError(fault.code, fault.message, fault.hint, **fault.details))
    return {"line": fault.line, "column": fault.column, "code": fault.code, "message": message, "hint": hint}


class _Import:
    """One import, as it was asked for."""

    def __init__(self, call: Call, producer: str | None, *, skip_bad: bool, zero_missing: bool) -> None:
        self._call = call
        self._producer = producer
        self._skip_bad = skip_bad
        self._zero_missing = zero_missing

    async def run(self, data: bytes) -> dict[str, Any]:
        async with pen(self._call) as held:
            self._call.progress(_("Reading…"))
            sheet = read_sheet(data, await held.node.read(currency))
            self._call.progress("")
            faults = [said(fault) for fault in sheet.faults]
            self._judge(faults)
            name, rows = self._rows(sheet)
            seller = await held.node.read(seller_of, held.hat, self._call.for_name, told(self._call))
            own = (await held.node.read(in_name_of, held.hat, seller)).name
            plan = await held.node.read(plan_import, held.hat, rows, zero_missing=self._zero_missing, seller=seller)
            if plan.new or plan.changed or plan.zeroed:
                self._ask(held, (name, own), plan)
                if not self._call.dry_run:
                    await self._write(held, plan, seller)
            elif _differs(name, own):
                self._call.note(_other_name(name, own))
        counts = {"new": plan.new, "changed": plan.changed, "unchanged": plan.unchanged, "zeroed": len(plan.zeroed)}
        return {**counts, "skipped": len({fault["line"] for fault in faults}), "faults": faults}

    def _judge(self, faults: Sequence[dict[str, Any]]) -> None:
        """Say the faults; with one nothing is imported unless bad rows are to be skipped."""
        if not faults:
            return
        if not self._call.json:
            for fault in faults:
                self._call.note(_line(fault))
        lines = len({fault["line"] for fault in faults})
        if not self._skip_bad:
            raise UsageError(
                "bad_rows",
                N_("Nothing was imported. Rows with faults: {count}."),
                N_("Mend them and import again, or import the rest with --skip-bad."),
                count=lines,
                faults=list(faults),
            )
        if self._zero_missing:
            raise RefusedError(
                "zero_missing_with_bad_rows",
                N_("Rows with faults: {count}. With --zero-missing their products would be taken for missing ones."),
                N_("Mend them first, or leave out one of --skip-bad and --zero-missing."),
                count=lines,
                faults=list(faults),
            )

    def _rows(self, sheet: Sheet) -> tuple[str, Sequence[Row]]:
        """Return the producer whose rows are taken, as the file calls it, and the rows."""
        names = ", ".join(sheet.producers)
        if self._producer is not None:
            rows = [row for row in sheet.rows if fold(row.producer) == fold(self._producer)]
            if not rows:
                raise NotThereError(
                    "no_such_producer",
                    N_('The file has no rows of a producer "{name}".'),
                    N_("It has rows of: {names}."),
                    name=self._producer,
                    names=names,
                )
            return rows[0].producer, rows
        if len({fold(name) for name in sheet.producers}) > 1:
            raise RefusedError(
                "several_producers",
                N_("The file has rows of several producers: {names}."),
                N_("Choose whose rows become yours with --producer NAME."),
                names=names,
                producers=list(sheet.producers),
            )
        return next(iter(sheet.producers), ""), sheet.rows

    def _ask(self, held: Pen, names: tuple[str, str], plan: ImportPlan) -> None:
        """Show what is about to happen; a producer of another name is shown with it, and said where nobody is asked."""
        parts = [
            ngettext(
                "Import {count} row: {new} new, {changed} changed, {unchanged} unchanged, {zeroed} set to 0.",
                "Import {count} rows: {new} new, {changed} changed, {unchanged} unchanged, {zeroed} set to 0.",
                len(plan.rows),
            ).format(
                count=len(plan.rows),
                new=plan.new,
                changed=plan.changed,
                unchanged=plan.unchanged,
                zeroed=len(plan.zeroed),
            )
        ]
        if _differs(*names):
            parts.insert(0, _other_name(*names))
            if self._call.yes or self._call.dry_run:
                self._call.note(parts[0])
        confirm(self._call, held.hat.name, "\n".join(parts))

    async def _write(self, held: Pen, plan: ImportPlan, seller: Buyer) -> None:
        """Sign the rows in slices, so that nobody else who writes has to wait; what was signed stays if it stops."""
        for first in range(0, len(plan.rows), IMPORT_SLICE):
            await held.sign(import_slice, plan.rows[first : first + IMPORT_SLICE], seller)
            self._call.progress(_("rows: {done} of {count}").format(done=first, count=len(plan.rows)))
        for first in range(0, len(plan.zeroed), IMPORT_SLICE):
            await held.sign(zero_stock, plan.zeroed[first : first + IMPORT_SLICE], seller)
        self._call.progress("")


def _differs(name: str, hat: str) -> bool:
    return bool(name) and fold(name) != fold(hat)


def _other_name(name: str, hat: str) -> str:
    return _('The file says producer "{producer}"; its rows become products of {hat}.').format(
        producer=cell(name), hat=hat
    )


def _line(fault: dict[str, Any]) -> str:
    where = _("line {line}, {column}:") if fault["column"] else _("line {line}:")
    return cell(f"{where.format(**fault)} {fault['message']} {fault['hint']}")


def _draw(call: Call, result: dict[str, Any]) -> None:
    text = _("{new} new, {changed} changed, {unchanged} unchanged, {zeroed} set to 0")
    skipped = result["skipped"]
    more = ngettext("{n} row skipped", "{n} rows skipped", skipped).format(n=skipped) if skipped else ""
    say(together((text.format(**result), more)))
    if not call.dry_run and result["new"]:
        call.note(_("See them with: foodhub product list"))
