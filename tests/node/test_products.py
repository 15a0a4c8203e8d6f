"""What a product is described with stands in its entry alone, and is read from there."""

import pytest
from msgspec.structs import replace

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Product
from foodhub.log.header import Log
from foodhub.node.products import find_product, list_products, product_statement, put_product, set_product
from tests.homes import Home, Village

pytestmark = pytest.mark.anyio
LONG = "Lavées à la main, « vendues » en bottes.\nNon traitées. " * 30


async def described(home: Home) -> dict[str, str]:
    return {row.name: row.description for row in await home.read(list_products)}


async def statement(farm: Home, product: str) -> Product:
    found = await farm.read(product_statement, farm.hat.member, id_bytes(product))
    assert found is not None
    return found


async def test_descriptions_are_read_from_the_entries(village: Village) -> None:
    farm, hub = await village.home("Farm", "producer"), await village.home("Hub", "hub")
    texts = {"Carrots": LONG, "Leeks": "", "Beets": "Round.", "Kale": LONG}
    known = await statement(farm, await farm.product("Onions", description="Strong."))
    said = [replace(known, local=bytes([n]) * 16, name=name, description=texts[name]) for n, name in enumerate(texts)]
    await farm.sign(Log.CATALOG, *said)
    await village.gossip()
    for home in (farm, hub):
        assert await described(home) == texts | {"Onions": "Strong."}
        assert (await home.read(find_product, "Kale")).description == LONG
        for each in said:
            assert await home.read(product_statement, farm.hat.member, each.local) == each


async def test_the_view_keeps_no_copy_of_a_description(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots", description=LONG)
    ((*row,),) = await farm.rows("SELECT * FROM product")
    assert LONG not in row
    assert sum(len(value) for value in row if isinstance(value, str | bytes)) < 100


async def test_a_product_is_described_as_said_last(village: Village) -> None:
    farm, hub = await village.home("Farm", "producer"), await village.home("Hub", "hub")
    carrots = await farm.product("Carrots", description="Sweet.")
    for text in ("Bitter", "", LONG):
        assert await farm.write(set_product, farm.hat, id_bytes(carrots), {"description": text}) == "changed"
        assert await farm.write(set_product, farm.hat, id_bytes(carrots), {"description": text}) == "unchanged"
        await village.gossip()
        assert await described(hub) == await described(farm) == {"Carrots": text}
    assert await farm.write(put_product, farm.hat, await statement(farm, carrots), None) == "unchanged"
