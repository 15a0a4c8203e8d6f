import pytest

from tests.vectors.make import FILES, FOLDER, text_of


@pytest.mark.parametrize("name", FILES)
def test_the_vectors_are_what_their_maker_writes(name: str) -> None:
    """If this fails, bytes that other nodes hold have changed: renew the files only if that was meant."""
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(FILES[name])


def test_no_other_vectors_lie_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)
