"""The main job on one home, as one types it: from nothing to an order that is received and cancelled."""

from pathlib import Path

import foodhub as package
from tests.cli.program import Foodhub

DAIRY = Path(package.__file__).parent / "demo_catalog" / "dairy.csv"
ORDER = {
    *("id", "number", "revision", "cycle", "cycle_id", "customer", "customer_id", "hub", "hub_id", "state", "sent_at"),
    *("received_at", "total", "currency", "lines", "partly", "comment", "written_by", "told"),
}
PRODUCT = {
    *(
        "id",
        "producer",
        "producer_id",
        "sku",
        "name",
        "variant",
        "category",
        "unit",
        "unit_value",
        "price",
        "price_per",
    ),
    *("currency", "on_hand", "on_demand"),
}


def test_one_home_can_do_the_whole_job_alone(empty: Foodhub) -> None:
    made = empty.json("init", "--name", "Hub", "--role", "hub", "--role", "producer")
    assert len(made["recovery_words"]) == 24
    assert made["roles"] == ["hub", "producer"]

    assert empty.json("circuit", "found", "Circuit")["name"] == "Circuit"
    assert empty.json("product", "list") == []
    assert empty.json("product", "import", DAIRY)["new"] == 24
    products = {row["sku"]: row for row in empty.json("product", "list")}
    assert len(products) == 24
    assert set(products["VO-LAI-1"]) >= PRODUCT
    assert [row["sku"] for row in empty.json("product", "list", "--search", "creme fleurette")] == ["VO-CRE-5"]

    cycle = empty.json("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    assert cycle["state"] == "open"
    assert cycle["closes"][-6] in "+-"
    assert empty.json("cycle", "list") == [cycle]
    counted = sum(not row["on_demand"] for row in products.values())
    assert empty.json("allot", "Week", "--to", "Hub", "--all")["changed"] == counted

    order = empty.json("order", "place", "Week", "VO-LAI-1=2", "Lait ribot=3", "--ref", "basket")
    assert set(order) == ORDER
    assert order["state"] == "received"
    assert order["total"] == 2 * products["VO-LAI-1"]["price"] + 3 * 180
    assert [(line["sku"], line["ordered"], line["confirmed"]) for line in order["lines"]] == [
        ("VO-LAI-1", 2, 2),
        ("VO-LRI-1", 3, 3),
    ]
    again = empty.json("order", "place", "Week", "VO-LAI-1=2", "Lait ribot=3", "--ref", "basket")
    assert again["id"] == order["id"]
    assert again["revision"] == order["revision"]
    more = empty.json("order", "place", "Week", "VO-LAI-1=1", "--wait", "5")
    assert (more["id"], more["state"], more["lines"][0]["confirmed"]) == (order["id"], "received", 3)

    promised = {row["product_id"]: row["promised"] for row in empty.json("cycle", "show", "Week")["allotments"]}
    assert promised[products["VO-LAI-1"]["id"]] == 3
    assert empty.json("order", "list") == [more]
    assert empty.json("order", "show", order["number"]) == more
    assert empty.json("order", "cancel", order["id"][:8])["state"] == "cancelled"
    assert empty.json("order", "show", order["id"])["lines"][0]["confirmed"] is None

    status = empty.json("status")
    assert {"name", "roles", "circuit", "entries", "logs", "peers", "pending"} <= set(status)
    assert status["pending"] == status["entries"] == sum(row["entries"] for row in empty.json("log", "show"))
    assert empty.json("log", "verify")["faults"] == []
    before = empty.json("order", "list")
    assert empty.json("rebuild")["entries"] == status["entries"]
    assert empty.json("order", "list") == before


def test_people_read_the_same_in_tables(founded: Foodhub) -> None:
    founded("product", "import", DAIRY)
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    founded("allot", "Week", "--all")
    placed = founded("order", "place", "Week", "VO-LAI-1=2")
    assert "received" in placed.out
    assert "2.90 €" in placed.out
    number = placed.out.split()[1]
    listed = founded("order", "list", FOODHUB_LANG="fr")
    assert number in listed.out
    assert "2,90 €" in listed.out
    assert "reçue" in listed.out
    assert "1.45 €" in founded("product", "show", "VO-LAI-1").out
    assert "open" in founded("cycle", "show", "Week").out
    for command in (
        "status",
        "cycle list",
        "product list",
        "circuit members",
        "circuit show",
        "log show",
        "log verify",
        "paths",
    ):
        assert founded(*command.split()).out.strip()


def test_a_dry_run_shows_what_would_be_and_signs_nothing(founded: Foodhub) -> None:
    founded("product", "import", DAIRY)
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    before = founded.json("log", "show")
    for command in (
        ["product", "import", DAIRY],
        ["product", "add", "Eggs", "--price", "2,60", "--on-hand", "40"],
        ["product", "set", "VO-LAI-1", "--price", "9"],
        ["product", "withdraw", "VO-LAI-1"],
        ["cycle", "new", "Other", "--closes", "+1d", "--sale", "direct"],
        ["allot", "Week", "--all"],
        ["order", "place", "Week", "VO-LAI-1=1"],
        ["circuit", "invite", "--role", "group"],
        ["init", "--name", "Second", "--role", "group"],
    ):
        done = founded(*command, "--dry-run")
        assert "Dry run: nothing was signed." in done.err
    assert founded.json("order", "place", "Week", "VO-LAI-1=1", "--dry-run")["total"] == 145
    assert founded.json("log", "show") == before
    assert founded.json("status")["members"] == ["Hub"]


def test_options_for_every_command_may_stand_before_or_after_it(founded: Foodhub) -> None:
    other = founded.home.parent / "elsewhere"
    assert founded("--json", "status").data == founded("status", "--json").data
    assert founded("--home", other, "paths", "--json").data["home"] == str(other)
    assert founded("product", "--json", "list").data == founded("product", "list", "--json").data
    assert founded("paths", "--home", other, "--json").data == founded("paths", f"--home={other}", "--json").data


def test_a_home_may_hold_several_members_and_the_hat_says_who_acts(founded: Foodhub) -> None:
    assert founded.json("init", "--name", "AMAP", "--role", "group")["name"] == "AMAP"
    assert founded.json("status")["members"] == ["AMAP", "Hub"]
    error = founded.fails(2, "product", "add", "Eggs", "--price", "2")
    assert error["code"] == "as_needed"
    assert founded.json("product", "add", "Eggs", "--price", "2", "--as", "hub")["producer"] == "Hub"
    assert founded.fails(3, "product", "add", "Eggs", "--price", "2", "--as", "Nobody")["code"] == "no_such_hat"


def test_an_invite_says_who_knows_it_and_where_it_leads(founded: Foodhub) -> None:
    done = founded("circuit", "invite", "--role", "group", "--days", "3", "--json")
    assert done.data["invite"].startswith("foodhub1")
    assert done.data["roles"] == ["group"]
    assert done.data["known_elsewhere"] is False
    assert "holds no address" in done.err
    assert "Begin with: foodhub node run" in done.err
    assert "keep this one running" not in done.err
    founded("circuit", "uninvite", done.data["invite"])
    assert founded.fails(6, "circuit", "join", done.data["invite"])["code"] == "member_already"
    assert founded.fails(6, "circuit", "join", done.data["invite"][:30], done.data["invite"][30:])["code"] == (
        "member_already"
    )
    given = done.data["invite"][:30] + "\n" + done.data["invite"][30:]
    assert founded("circuit", "join", "-", "--json", code=6, given=given.encode()).error["code"] == "member_already"
    assert founded.fails(6, "circuit", "join", "foodhub1nonsense")["code"] == "invite_unreadable"
    assert founded.fails(2, "circuit", "invite", "--role", "king")["code"] == "bad_role"


def test_a_charter_comes_from_a_file(empty: Foodhub, tmp_path: Path) -> None:
    charter = tmp_path / "charter.md"
    charter.write_text("# Notre charte\n\nUn membre, une voix.\n", "utf-8")
    empty("init", "--name", "Hub", "--role", "hub", "--json")
    empty("circuit", "found", "Circuit", "--charter", charter)
    assert empty.json("circuit", "show")["charter"] == "# Notre charte\n\nUn membre, une voix."
    charter.write_bytes(b"\xff\xfe\x00")
    assert empty.fails(2, "circuit", "found", "Other", "--charter", charter)["code"] == "bad_encoding"


def test_an_invite_that_leads_nowhere_is_said_to_at_once(founded: Foodhub, tmp_path: Path) -> None:
    invite = founded.json("circuit", "invite", "--role", "group")["invite"]
    group = Foodhub(tmp_path / "group")
    group("init", "--name", "AMAP", "--role", "group", "--json")
    assert group.fails(5, "circuit", "join", invite, "--wait", "600")["code"] == "no_address"
    assert not (group.home / "live.db").exists()
