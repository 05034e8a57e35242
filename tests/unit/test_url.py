"""URLs whose host and path are not where other URLs have them."""

import pytest

from tiered.errors import ConfigError
from tiered.url import parse_url


@pytest.mark.parametrize(
    ("text", "label", "port", "path"),
    [
        ("rsync://u@h/rel", "rsync://h/rel", None, "/rel"),
        ("rsync://u@h:22//abs", "rsync://h:22//abs", 22, "//abs"),
        ("rsync://h::m", "rsync://h::m", None, "::m"),
        ("rsync://u@h::/m/p", "rsync://h::/m/p", None, "::/m/p"),
        ("rsync://u:p@h:87::m/p", "rsync://h:87::m/p", 87, "::m/p"),
        ("rsync://[::1]:87::m/a::b", "rsync://[::1]:87::m/a::b", 87, "::m/a::b"),
        ("rsync://[::1]/a", "rsync://[::1]/a", None, "/a"),
        ("rsync://u:a::b@h/p", "rsync://h/p", None, "/p"),
        ("rclone://r:", "rclone://r:", None, "r:"),
        ("rclone://r:a/b", "rclone://r:a/b", None, "r:a/b"),
        ("rclone://my%20r:/a%3Fb", "rclone://my r:/a?b", None, "my r:/a?b"),
        ("rclone://u@example.org:22", "rclone://u@example.org:22", None, None),
        ("rclone://:local:/a", "rclone://:local:/a", None, ":local:/a"),
    ],
)
def test_where_a_url_leads(
    text: str, label: str, port: int | None, path: str | None
) -> None:
    url = parse_url(text)
    assert (url.label, url.port) == (label, port)
    assert url.path == (path or text.partition("//")[2])


def test_the_password_of_a_daemon_is_not_in_the_label() -> None:
    url = parse_url("rsync://u:a%3A%3Ab@h::m")
    assert url.password
    assert (url.user, url.password.reveal(), url.label) == ("u", "a::b", "rsync://h::m")


@pytest.mark.parametrize(
    "text",
    ["rclone://remote", "rclone://:sftp,pass=s3cret:a", "rclone:///a", "rclone://"],
)
def test_what_is_no_remote_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="names no remote") as caught:
        parse_url(text)
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
