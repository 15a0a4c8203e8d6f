"""The catalog: what every producer of the circuit sells, and changing what our own member sells."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold, full_name
from foodhub.catalog.product import LENGTHS, check, default_step, quantity_in_steps
from foodhub.catalog.statements import Product, Stock, product_id
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.money import PricePer
from foodhub.node.buyers import Buyer
from foodhub.node.delivered import say_left
from foodhub.node.hat import Hat, currency, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import require_role, require_standing, roles_of
from foodhub.quantity import COUNTED_IN, parse_quantity
from foodhub.store.transaction import Transaction


class ProductRow(msgspec.Struct, frozen=True):
    """A product as it is listed; field names are the JSON keys.

    `written_by` and `counted_by` name who stated it, and its stock, for the producer; "" where that one did itself.

    `on_hand` is the published count, None on demand, also where that is capped: it is ordered in the same way. `case`
    is how much a case holds (pieces, g or ml), 0 where it does not go by the case, and `case_word` what that is called.
    """

    id: str
    producer: str
    producer_id: str
    sku: str
    name: str
    variant: str
    category: str
    unit: str
    unit_value: int
    price: int
    price_per: str
    currency: str
    on_hand: int | None
    on_demand: bool
    unit_name: str
    step: int
    description: str
    withdrawn: bool
    version: int
    written_by: str = ""
    counted_by: str = ""
    case: int = 0
    case_word: str = ""

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, self.sku, self.name, self.variant)


_DESCRIPTION = (
    "(SELECT CAST(substr(e.payload, p.description_at, p.description_size) AS TEXT)"
    " FROM entry e WHERE e.place = p.place)"
)
_COLUMNS = (
    "SELECT p.local, q.id, p.sku, p.name, p.variant, p.category, p.unit, p.unit_value, p.price, p.price_per,"  # noqa: S608 - names of ours
    f" p.currency, s.mode, s.on_hand, p.unit_name, p.step, {_DESCRIPTION}, p.withdrawn OR coalesce(m.removed, 0),"
    " p.version, coalesce(k.size, 0), coalesce(k.word, ''),"
    " (SELECT id FROM party WHERE ref = p.spoken), (SELECT id FROM party WHERE ref = s.spoken)"
    " FROM product p JOIN party q ON q.ref = p.owner LEFT JOIN member m ON m.ref = p.owner"
    " LEFT JOIN stock s ON s.owner = p.owner AND s.local = p.local"
    " LEFT JOIN case_size k ON k.owner = p.owner AND k.local = p.local"
)


def list_products(
    db: sqlite3.Connection,
    *,
    search: str = "",
    producer: bytes | None = None,
    since: int = 0,
    withdrawn: bool = False,
) -> list[ProductRow]:
    """Return products by producer and name; `search` ignores case and accents, `since` is an arrival number.

    With `withdrawn` also those that are sold no more: withdrawn ones, and those of members that were removed.
    """
    where, values = ["1"], []  # type: tuple[list[str], list[Any]]
    if not withdrawn:
        where.append("NOT p.withdrawn AND NOT coalesce(m.removed, 0)")
    if producer is not None:
        where.append("q.id = ?")
        values.append(producer)
    if since:
        where.append("(p.arrival > ? OR s.arrival > ? OR k.arrival > ? OR m.arrival > ?)")
        values += [since] * 4
    sellers: dict[bytes, tuple[str, str]] = {}
    rows = []
    for row in db.execute(f"{_COLUMNS} WHERE {' AND '.join(where)}", values):
        owner = row[1]
        if owner not in sellers:
            sellers[owner] = shown_name(db, owner), base32_id(owner)
        written = [shown_name(db, writer) if writer else "" for writer in row[-2:]]
        rows.append(_product_row(row[:-2], *sellers[owner], *written))
    wanted = fold(search).split()
    if wanted:
        rows = [row for row in rows if _fits(row, wanted)]
    rows.sort(key=lambda row: (fold(row.producer), fold(row.name), fold(row.variant), row.id))
    return rows


class CatalogNews(msgspec.Struct, frozen=True):
    """What changed in the catalog: the arrival number it reaches to, the changed products, and how many there are."""

    arrival: int
    rows: list[ProductRow]
    count: int


def products_since(db: sqlite3.Connection, since: int) -> CatalogNews:
    """Return what changed after an arrival number, withdrawn products too; 0 asks for all. All of one state."""
    db.execute("BEGIN")
    try:
        (arrival,) = db.execute("SELECT value FROM meta WHERE key = 'arrival'").fetchone()
        rows = list_products(db, since=since, withdrawn=bool(since))
        (count,) = db.execute(
            "SELECT count(*) FROM product p LEFT JOIN member m ON m.ref = p.owner"
            " WHERE NOT p.withdrawn AND NOT coalesce(m.removed, 0)"
        ).fetchone()
    finally:
        db.execute("COMMIT")
    return CatalogNews(int(arrival), rows, int(count))


def _product_row(row: Sequence[Any], producer: str, producer_id: str, written_by: str, counted_by: str) -> ProductRow:
    (local, _owner, sku, name, variant, category, unit, unit_value, price, price_per, code, mode, on_hand, *rest) = row
    on_demand = mode in {"on_demand", "capped"}
    count = None if on_demand else (on_hand or 0)
    unit_name, step, description, withdrawn, version, case, word = rest
    head = (
        base32_id(local),
        producer,
        producer_id,
        sku,
        name,
        variant,
        category,
        unit,
        unit_value,
        price,
        price_per,
        code,
    )
    said = (bool(withdrawn), version, written_by, counted_by, case, word)
    return ProductRow(*head, count, on_demand, unit_name, step, description, *said)


def _fits(row: ProductRow, wanted: Iterable[str]) -> bool:
    text = fold(f"{row.name} {row.variant} {row.producer} {row.category} {row.sku}")
    return all(word in text for word in wanted)


def find_product(db: sqlite3.Connection, text: str, *, producer: bytes | None = None) -> ProductRow:
    """Return the product that somebody named by id prefix, sku or name.

    Raises:
        NotThereError: there is none. UsageError: there are several; they are listed.
    """
    return find(list_products(db, producer=producer), text, lambda row: row.named, "product")


def product_named(db: sqlite3.Connection, producer: bytes, product: bytes) -> tuple[str, str]:
    """Return how a product is called, and per what it is sold; a part of its id where this home does not know it."""
    row = db.execute(
        "SELECT p.name, p.variant, p.price_per FROM product p JOIN party o ON o.ref = p.owner"
        " WHERE o.id = ? AND p.local = ?",
        (producer, product),
    ).fetchone()
    if row is None:
        return base32_id(product)[:8], "piece"
    name, variant, per = row
    return full_name(name, variant), per


def product_statement(db: sqlite3.Connection, owner: bytes, local: bytes) -> Product | None:
    """Return the statement of a product that holds, None when there is none."""
    fields = ", ".join(_DESCRIPTION if name == "description" else f"p.{name}" for name in Product.__struct_fields__)
    row = db.execute(
        f"SELECT {fields} FROM product p JOIN party m ON m.ref = p.owner WHERE m.id = ? AND p.local = ?",  # noqa: S608 - names of ours
        (owner, local),
    ).fetchone()
    if row is None:
        return None
    values = dict(zip(Product.__struct_fields__, row, strict=True))
    return Product(**{**values, "withdrawn": bool(values["withdrawn"])})


def stock_statement(db: sqlite3.Connection, owner: bytes, local: bytes) -> Stock | None:
    """Return the statement of a product's stock that holds, None when there is none."""
    row = db.execute(
        "SELECT s.local, s.version, s.mode, s.on_hand FROM stock s JOIN party m ON m.ref = s.owner"
        " WHERE m.id = ? AND s.local = ?",
        (owner, local),
    ).fetchone()
    return Stock(*row) if row else None


def require_seller(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a member sells something.

    Raises:
        RefusedError: `not_a_producer`, `role_taken`, or what it signs counts no more.
    """
    require_standing(db, hat)
    require_role(db, hat)
    if not {"producer", "hub"} & roles_of(db, hat.member):
        raise RefusedError(
            "not_a_producer",
            N_("{name} sells nothing: products belong to producers and hubs."),
            N_("Act as a producer with --as NAME, or add one with: foodhub init --name NAME --role producer"),
            name=hat.name,
        )


def put_product(tx: Transaction, hat: Hat, product: Product, stock: Stock | None, seller: Buyer | None = None) -> str:
    """Sign what differs from what holds; return `new`, `changed` or `unchanged`. Versions are set here.

    With a `seller` it is that one's product, for whom we write.

    Raises:
        RefusedError: the stock differs, and another device counts it.
    """
    if seller is not None:
        require_standing(tx.db, hat)
    owner = seller or Buyer(hat.member)
    statements, what = differences(tx.db, owner.member, product, stock)
    sign_products(tx, hat, [owner.enclose(each) for each in statements])
    return what


def sign_products(tx: Transaction, hat: Hat, statements: Sequence[Any]) -> None:
    """Sign statements of the catalog, if there are any; counting stock is a right that one device has."""
    if any(isinstance(statement, Stock) for statement in statements):
        require_right(tx.db, hat, "stock")
    say_left(tx, hat, statements)
    if statements:
        tx.append(hat.member, Log.CATALOG, statements)


def differences(db: sqlite3.Connection, owner: bytes, product: Product, stock: Stock | None) -> tuple[list[Any], str]:
    """Return what has to be stated so that an owner's product and its stock are so; `new`, `changed` or `unchanged`."""
    statements: list[Any] = []
    held, counted = product_statement(db, owner, product.local), stock_statement(db, owner, product.local)
    renewed = msgspec.structs.replace(product, version=held.version if held else 1)
    if renewed != held:
        renewed = msgspec.structs.replace(product, version=held.version + 1 if held else 1)
        check(renewed)
        statements.append(renewed)
    if stock is not None:
        recount = _in_mode(stock, counted)
        if recount != counted:
            statements.append(msgspec.structs.replace(recount, version=counted.version + 1 if counted else 1))
    if not statements:
        return [], "unchanged"
    return statements, "changed" if held else "new"


def _in_mode(stock: Stock, held: Stock | None) -> Stock:
    """Return a count under the version that holds; where there is a quantity for each cycle, it is another of these."""
    kept = held is not None and held.mode in {"per_cycle", "capped"} and stock.mode == "counted"
    mode = held.mode if held and kept else stock.mode
    return msgspec.structs.replace(stock, mode=mode, version=held.version if held else 1)


def add_product(
    tx: Transaction,
    hat: Hat,
    name: str,
    *,
    price: int,
    price_per: str,
    on_hand: int | None,
    more: dict[str, Any],
) -> str:
    """Publish a new product of our own; return its id. `on_hand` is None when it is made on demand.

    Raises:
        RefusedError: this member sells nothing, or has this product already; or another device counts its stock.
    """
    require_seller(tx.db, hat)
    product = new_product(tx.db, hat.member, name, price=price, price_per=price_per, more=more)
    put_product(tx, hat, product, stock_of(product.local, on_hand))
    return base32_id(product.local)


def new_product(
    db: sqlite3.Connection, owner: bytes, name: str, *, price: int, price_per: str, more: dict[str, Any]
) -> Product:
    """Return a product that its owner does not have yet.

    Raises:
        RefusedError: it has this product already.
    """
    unit = {"piece": more.get("unit", "piece"), "kg": "g", "l": "ml"}[price_per]
    value = more.get("unit_value", 1) if price_per == "piece" else 1
    local = product_id(more.get("sku", ""), owner, name, more.get("variant", ""), unit, value)
    held = product_statement(db, owner, local)
    if held and not held.withdrawn:
        raise RefusedError(
            "product_exists",
            N_("{name} is in your catalog already."),
            N_('Change it with: foodhub product set "{name}"'),
            name=held.name,
        )
    return Product(
        local=local,
        version=1,
        sku=more.get("sku", ""),
        name=name,
        variant=more.get("variant", ""),
        category=more.get("category", ""),
        description=more.get("description", ""),
        unit=unit,
        unit_value=value,
        unit_name=more.get("unit_name", ""),
        price=price,
        price_per=price_per,  # type: ignore[arg-type]
        currency=currency(db),
        step=more.get("step") or default_step(price_per),  # type: ignore[arg-type]
        tax_category="",
        shipping_category="",
        withdrawn=False,
    )


def stock_of(local: bytes, on_hand: int | None) -> Stock:
    """Return a count of a product, None for made on demand; its version is set where it is signed."""
    return Stock(local, 1, "on_demand", 0) if on_hand is None else Stock(local, 1, "counted", on_hand)


def read_count(name: str, price_per: PricePer, text: str) -> int:
    """Read how much there is of a product, or its step; returns pieces, g or ml.

    Raises:
        UsageError: it is no quantity, or of the wrong unit, or a bare number of goods by weight or volume.
    """
    if parse_quantity(text)[0] == 0:
        return 0
    texts = dict.fromkeys(LENGTHS, "") | {"name": name}
    whole = Product(
        local=b"",
        version=1,
        unit=COUNTED_IN[price_per],
        unit_value=1,
        price=0,
        price_per=price_per,
        currency="",
        step=1,
        withdrawn=False,
        **texts,
    )
    return quantity_in_steps(whole, text)


UNCHANGED = object()
"""Stands for "leave the stock as it is", since None means on demand."""


def set_product(tx: Transaction, hat: Hat, local: bytes, fields: dict[str, Any], on_hand: object = UNCHANGED) -> str:
    """Change fields of our own product, and its stock unless `UNCHANGED`; return `changed` or `unchanged`."""
    require_seller(tx.db, hat)
    held = product_statement(tx.db, hat.member, local)
    assert held is not None, "the caller found it in the same home"
    stock = None if on_hand is UNCHANGED else stock_of(local, on_hand)  # type: ignore[arg-type]
    return put_product(tx, hat, msgspec.structs.replace(held, **fields), stock)
