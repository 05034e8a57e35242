"""Limits as they are written: in a config, on the command line, and wrongly."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from tests.unit.broken import file
from tiered.assemble.wrapping import Wrapping
from tiered.cli.main import main
from tiered.cli.parser import parse_command_line
from tiered.errors import ConfigError, Denied, UsageError
from tiered.settings.limits import Limits, byte_rate, read_limits, request_rate
from tiered.settings.multi import read_multi
from tiered.store import PutMode
from tiered.testing.clocks import JumpingClock
from tiered.testing.sources import BytesSource

ALL = {"upload": "20M", "download": "1.5G", "requests": 0.5, "connections": 4}


def written(tmp_path: Path, options: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps([{"url": "file:///a", "options": options}]))
    return path


def parsed(*words: str) -> Namespace:
    return parse_command_line(["status", "file:///a", *words]).options


def test_a_config_with_all_limits(tmp_path: Path) -> None:
    (member,) = read_multi(written(tmp_path, {"limits": ALL})).members
    assert read_limits(member.options) == Limits(
        upload_bytes_per_s=20 * 1024**2,
        download_bytes_per_s=1.5 * 1024**3,
        requests_per_s=0.5,
        connections=4,
    )
    assert read_limits({}) == Limits()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"upload": "20"}, ".limits.upload: must look like '20M'"),
        ({"upload": "20m"}, ".limits.upload: must look like '20M'"),
        ({"download": "0.0K"}, ".limits.download: must look like '20M'"),
        ({"download": "-1M"}, ".limits.download: must look like '20M'"),
        ({"upload": 20}, '.limits.upload: must be a string: write it in "quotes"'),
        ({"uploads": "2M"}, ".limits.uploads: unknown key; did you mean 'upload'?"),
        ({"requests": "10"}, ".limits.requests: must be a number"),
        ({"connections": 2.5}, ".limits.connections: must be a whole number"),
    ],
)
def test_mistakes_in_a_config(limits: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_multi(written(tmp_path, {"limits": limits}))
    assert str(caught.value).endswith(f"config.json: [0].options{message}")


@pytest.mark.parametrize(
    "options",
    [
        {"limits": {"requests": 0}},
        {"limits": {"requests": 1e300}},
        {"limits": {"connections": 0}},
        {"limits": {"connections": True}},
        {"limits": "20M"},
        {"read_only": "yes"},
    ],
)
def test_more_mistakes_in_a_config(options: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[0\]\.options\.[a-z_.]+: "):
        read_multi(written(tmp_path, options))


def test_the_schema_and_the_command_line_know_the_same_rates() -> None:
    for text, rate in (("1K", 1024), ("0.5M", 512 * 1024), ("000.1G", 1024**3 / 10)):
        assert byte_rate(text) == rate
    for text in ("", "20", "M", "20MB", "20 M", "0M", "0.00G", "1e3K", "-1K", "1.K"):
        with pytest.raises(ValueError, match="such as 20M"):
            byte_rate(text)
    assert request_rate("0.5") == 0.5
    for text in ("0", "-1", "nan", "inf", "1e9"):
        with pytest.raises(ValueError, match="above zero"):
            request_rate(text)


@pytest.mark.parametrize(
    "words",
    [
        "--limit-upload 20",
        "--limit-download fast",
        "--limit-requests 0",
        "--limit-requests nan",
        "--limit-connections 0",
        "--limit-connections 1.5",
    ],
)
def test_mistakes_on_the_command_line(words: str) -> None:
    option, value = words.split()
    with pytest.raises(UsageError) as caught:
        parsed(option, value)
    assert f"{option}: '{value}' is not a valid " in str(caught.value)


class TestWrapping:
    """Both kinds of limits, on stores of one command line."""

    def test_the_line_is_shared_and_the_rest_is_not(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        wrapping = Wrapping(parsed("--limit-upload=1M", "--limit-requests=10"), clock)
        stores = [wrapping.around(file(tmp_path / n), {}, n) for n in ("a", "b")]
        start_s = clock.now_s()
        for store in stores:
            store.list()
        assert clock.now_s() == start_s  # the first request at each is free
        for store in stores:
            store.put("o", BytesSource(bytes(1 << 20)), PutMode.CREATE)
        spent_s = clock.now_s() - start_s
        assert spent_s == pytest.approx(2 - 1 / 8, abs=0.45)
        assert {name: u.sent_bytes for name, u in wrapping.usage().items()} == {
            "a": 1 << 20,
            "b": 1 << 20,
        }

    def test_both_limits_hold(self, tmp_path: Path) -> None:
        clock = JumpingClock()
        wrapping = Wrapping(parsed("--limit-upload=1M"), clock)
        own = {"limits": {"upload": "512K", "connections": 3}}
        store = wrapping.around(file(tmp_path), own)
        start_s = clock.now_s()
        store.put("o", BytesSource(bytes(1 << 20)), PutMode.CREATE)
        assert clock.now_s() - start_s == pytest.approx(2 - 1 / 8)

    @pytest.mark.parametrize(
        ("words", "own", "why"),
        [
            (["--read-only"], {}, "--read-only"),
            ([], {"read_only": True}, "read_only in its options"),
        ],
    )
    def test_read_only(
        self, words: list[str], own: dict[str, object], why: str, tmp_path: Path
    ) -> None:
        store = Wrapping(parsed(*words), JumpingClock()).around(file(tmp_path), own)
        assert store.list() == ()
        with pytest.raises(Denied) as caught:
            store.put("o", BytesSource(b""), PutMode.CREATE)
        assert why in caught.value.hint

    def test_stores_of_one_name_are_told_apart(self, tmp_path: Path) -> None:
        wrapping = Wrapping(parsed(), JumpingClock())
        for folder in ("a", "b"):
            wrapping.around(file(tmp_path / folder), {}, "same")
        assert list(wrapping.usage()) == ["same", "same#2"]


class TestProgram:
    """The whole program, over a router of two folders."""

    @pytest.mark.parametrize("style", ["tiered", "duplicity"])
    def test_with_every_limit(
        self, style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One connection at each store: nothing may wait for itself."""
        source = tmp_path / "source"
        source.mkdir()
        for number in range(20):
            (source / f"f{number}").write_bytes(bytes([number]) * 30_000)
        config = tmp_path / "config.json"
        limits = {"upload": "1G", "download": "1G", "requests": 5000, "connections": 1}
        stores = []
        for tier in ("hot", "cold"):
            (tmp_path / tier).mkdir()
            stores.append(
                {
                    "url": f"file://{tmp_path}/{tier}",
                    "name": tier,
                    "tier": tier,
                    "options": {"limits": limits},
                }
            )
        config.write_text(json.dumps(stores))
        url = f"multi://{config}?mode=mirror&onfail=abort"
        common = ["--no-encryption", f"--archive-dir={tmp_path}/cache"]
        common += ["--limit-upload=1G", "--limit-connections=1"]
        for action in ("full", "inc"):
            (source / action).write_text(action)
            words = [action, str(source), url, f"--style={style}"]
            assert main([*words, *common, "--json", "-v5"]) == 0
            out, err = capsys.readouterr()
            hot, cold = (json.loads(out)["stores"][name] for name in ("hot", "cold"))
            assert hot["requests"]["write"] >= 2
            assert cold["sent_bytes"] > 0
            assert "tiered: info: hot: " in err
        assert main(["restore", url, f"{tmp_path}/out", *common, "--read-only"]) == 0
        found = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
        assert found == {p.name: p.read_bytes() for p in source.iterdir()}
        assert main(["full", str(source), url, *common, "--read-only"]) == 21
        assert "the store is read-only" in capsys.readouterr().err
