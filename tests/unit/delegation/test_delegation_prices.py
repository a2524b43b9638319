"""Prices: the tables, what they say, and what is wrong with them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rtfs.delegation.allowance import NANO
from rtfs.delegation.prices import OWN_FILE, Price, PriceTable, read_prices, user_file
from rtfs.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


ENTRY = '[[price]]\nmodel = "m"\ninput = 1\noutput = 2\n'


# --- the table that comes with RTFS ---


def test_every_entry_says_where_and_when_it_was_read():
    for price in read_prices(OWN_FILE):
        assert price.source.startswith("https://"), price
        assert date.fromisoformat(price.date) <= date.today(), price
        assert price.server != "*", "a price holds for a server"


def test_prices_of_that_table_are_plausible():
    """An answer costs more than a prompt, and a prompt from the cache less; nothing is free, nor a thousand dollars."""
    for price in read_prices(OWN_FILE):
        assert 0 < price.cached <= price.input < price.output <= 1_000 * NANO, price


@pytest.mark.parametrize(
    ("server", "model", "input_usd"),
    [
        ("api.openai.com", "gpt-4o-mini", 0.15),
        ("api.openai.com", "gpt-4o-mini-2024-07-18", 0.15),
        ("api.openai.com", "gpt-4o-2024-05-13", 5.0),  # this one costs more than later ones
        ("api.openai.com", "gpt-4o-2024-08-06", 2.5),
        ("api.anthropic.com", "claude-haiku-4-5-20251001", 1.0),
        ("api.anthropic.com", "claude-opus-4-7", 5.0),
        ("api.moonshot.ai", "kimi-k2.6", 0.95),
        ("api.openai.com", "gpt-4o-mini-realtime", None),
        ("api.openai.com", "gpt-9", None),
        ("localhost:8080", "gpt-4o-mini", None),  # the same name elsewhere is another price
    ],
)
def test_what_is_in_it(server: str, model: str, input_usd: float | None):
    price = PriceTable.load({"HOME": "/nowhere"}).find(server, model)
    assert (None if price is None else price.input / NANO) == input_usd


def test_long_prompts_may_cost_more():
    table = PriceTable.load({"HOME": "/nowhere"})
    short, long = (table.find("api.anthropic.com", "claude-haiku-5-5", tokens) for tokens in (100_000, 100_001))
    assert short is not None
    assert long is not None
    assert (short.input, long.input) == (NANO // 10, NANO // 2)
    assert table.find("api.openai.com", "gpt-5.4", 300_000) is None


# --- what a request costs ---


def test_costs_are_exact_and_rounded_up():
    price = Price(server="*", models=("m",), input=150_000_000, output=600_000_000, cached=75_000_000)
    assert price.cost(1_000_000, 1_000_000) == 750_000_000
    assert price.cost(1_000, 100, 500) == 500 * 150 + 500 * 75 + 100 * 600
    assert price.cost(0, 0) == 0
    tiny = Price(server="*", models=("m",), input=1, output=1, cached=1)
    assert tiny.cost(1, 0) == 1
    assert price.cost(10, 0, 99) == 10 * 75  # no more from the cache than there is


# --- tables of the user's ---


def test_the_users_prices_come_first(tmp_path: Path):
    table = '[[price]]\nserver = "api.openai.com"\nmodel = "gpt-4o*"\ninput = 1.25\noutput = 0.1\n'
    prices = PriceTable.load({"RTFS_PRICES": str(written(tmp_path, table)), "HOME": "/nowhere"})
    price = prices.find("api.openai.com", "gpt-4o-mini")
    assert price is not None
    assert (price.input, price.output, price.cached) == (1_250_000_000, 100_000_000, 1_250_000_000)
    assert prices.find("api.openai.com", "gpt-4.1") is not None


def test_where_the_users_table_is(tmp_path: Path):
    assert user_file({"RTFS_CONFIG_DIR": str(tmp_path)}) is None
    here = written(tmp_path, ENTRY)
    assert user_file({"RTFS_CONFIG_DIR": str(tmp_path)}) == here
    assert user_file({"RTFS_CONFIG_DIR": str(tmp_path), "RTFS_PRICES": "/else.toml"}) == Path("/else.toml")
    assert user_file({"RTFS_CONFIG_DIR": str(tmp_path), "RTFS_PRICES": "  "}) == here


def test_an_entry_without_a_server_holds_for_all(tmp_path: Path):
    table = PriceTable(read_prices(written(tmp_path, ENTRY + "source = 'me'\ndate = 2026-01-02\nmax_prompt = 10\n")))
    assert table.find("anywhere", "m") == table.find("else", "m", 10) is not None
    assert table.find("anywhere", "m", 11) is None
    assert table.prices[0].date == "2026-01-02"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[price]", "is not TOML"),
        ("price = 5", "is not what a table of prices holds"),
        ("[price]\nmodel = 'm'", "is not what a table of prices holds"),
        ("[[prices]]\nmodel = 'm'", "`prices` is not what"),
        ("price = [5]", "entry 1: an entry begins with"),
        ("[[price]]\ninput = 1\noutput = 1", "entry 1: `model` must be"),
        ("[[price]]\nmodel = []\ninput = 1\noutput = 1", "`model` must be"),
        ("[[price]]\nmodel = ['a', 5]\ninput = 1\noutput = 1", "`model` must be"),
        ("[[price]]\nmodel = 'm'\ninput = 1", "`output` is missing"),
        ("[[price]]\nmodel = 'm'\noutput = 1", "`input` is missing"),
        (ENTRY + "\n[[price]]\nmodel = 'm'\ninput = -1\noutput = 1", "entry 2: `input` must be dollars"),
        ("[[price]]\nmodel = 'm'\ninput = nan\noutput = 1", "`input` must be dollars"),
        ("[[price]]\nmodel = 'm'\ninput = inf\noutput = 1", "`input` must be dollars"),
        ("[[price]]\nmodel = 'm'\ninput = '1'\noutput = 1", "`input` must be dollars"),
        ("[[price]]\nmodel = 'm'\ninput = true\noutput = 1", "`input` must be dollars"),
        (ENTRY + "server = ''", "`server` must be a host"),
        (ENTRY + "max_prompt = 0", "`max_prompt` must be"),
        (ENTRY + "ouput = 1", "`ouput` is unknown"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        read_prices(written(tmp_path, text))
    assert "prices.toml" in caught.value.message


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot read the prices in"):
        PriceTable.load({"RTFS_PRICES": str(tmp_path / "none.toml")})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        PriceTable.load({"RTFS_PRICES": str(tmp_path / "bytes.toml")})


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (ENTRY + "\n\n[[price]]\nmodel = 'm'\ninput = -1\noutput = 1", 9, 9),
        (ENTRY + "\n[[price]]\nmodel = 'n'\ninput = 1\n", 6, 1),
        (ENTRY + "ouput = 1", 5, 9),
        ("# mine\n[prices]\n", 2, 1),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, text: str, line: int, column: int):
    for ends in ("\n", "\r\n"):
        path = tmp_path / "prices.toml"
        path.write_bytes(text.replace("\n", ends).encode())
        with pytest.raises(ConfigError) as caught:
            read_prices(path)
        assert caught.value.span is not None
        assert caught.value.span.source.position(caught.value.span.start) == (line, column)
        assert str(caught.value.span).startswith(str(path))
