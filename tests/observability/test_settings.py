"""Settings from the environment, and the operator's token."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from marketbot.api.operator_token import TokenFileError, operator_token
from marketbot.domain.notice import ChannelKind
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.supervisor.environment import child_environment


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://marketbot:hidden-word@db.example/marketbot")
    monkeypatch.setenv("MARKETBOT_PROFILE", "simulation")
    monkeypatch.setenv("MARKETBOT_EGRESS_ADDRESSES", "203.0.113.7, 203.0.113.8, socks5://way:hidden-way@203.0.113.9:1080")
    monkeypatch.setenv("MARKETBOT_TRUSTED_PROXIES", "10.0.0.0/8")
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith("db.example/marketbot")
    assert settings.profile is Profile.SIMULATION
    assert [str(way) for way in settings.egress_addresses] == ["203.0.113.7", "203.0.113.8", "socks5://203.0.113.9:1080"]
    assert settings.egress_addresses[2].password == "hidden-way"
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert "hidden-" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EGRESS_ADDRESSES", "not-an-address"),
        ("EGRESS_ADDRESSES", "https://203.0.113.7:8080"),
        ("EGRESS_ADDRESSES", "http://203.0.113.7"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("API_PORT", "70000"),
        ("API_POOL_SIZE", "51"),
        ("PROFILE", "mainnet"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_what_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MARKETBOT_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_token_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    token = operator_token(settings)
    assert len(token) >= 32
    assert operator_token(settings) == token
    assert stat.S_IMODE(settings.operator_token_file.stat().st_mode) == 0o600
    settings.operator_token_file.chmod(0o644)
    with pytest.raises(TokenFileError):
        operator_token(settings)


def test_retention_is_a_period_or_off_and_never_too_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARKETBOT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MARKETBOT_RETAIN_ORDERS", "off")
    monkeypatch.setenv("MARKETBOT_RETAIN_CHUNKS", "36h")
    settings = Settings()
    assert (settings.retain_orders, settings.retain_chunks, settings.retain_jobs) == (
        None,
        timedelta(hours=36),
        timedelta(days=7),
    )
    for name, value in child_environment(settings).items():
        monkeypatch.setenv(name, value)
    told = Settings()
    for name in ("retain_orders", "retain_refusals", "retain_chunks", "retain_jobs", "memory_bound_mb"):
        assert getattr(told, name) == getattr(settings, name)
    for name, value in (("ORDERS", "29d"), ("CHUNKS", "23h"), ("JOBS", "1h"), ("REFUSALS", "soon")):
        with monkeypatch.context() as changed:
            changed.setenv(f"MARKETBOT_RETAIN_{name}", value)
            with pytest.raises(ValueError):
                Settings()


def test_secrets_are_read_from_files_and_a_variable_goes_before_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql://marketbot:hidden-word@db.example/from-file\n")
    (tmp_path / "marketbot_operator_token").write_text("hidden-token\n")
    (tmp_path / "marketbot_api_port").write_text("8001")
    monkeypatch.setenv("MARKETBOT_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("MARKETBOT_API_PORT", "8002")
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith("/from-file")
    assert settings.operator_token is not None
    assert settings.operator_token.get_secret_value() == "hidden-token"
    assert settings.api_port == 8002
    assert "hidden-" not in repr(settings)


def test_secrets_are_not_read_unless_their_place_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "database_url").write_text("postgresql://db.example/from-file")
    assert Settings().database_url is None


def test_channels_are_offered_where_there_is_what_they_go_through(tmp_path: Path) -> None:
    bare = Settings(data_dir=tmp_path)
    assert bare.channel_kinds == {ChannelKind.WEBHOOK, ChannelKind.DISCORD, ChannelKind.SLACK}
    mailing = Settings(
        data_dir=tmp_path, smtp_url="smtp://127.0.0.1:25", mail_from="bot@bot.example", public_url="https://bot.example"
    )
    assert mailing.channel_kinds - bare.channel_kinds == {ChannelKind.EMAIL}
