"""Reports of readiness that an installation keeps: both languages, the last ones, as they were made; and the way to them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.readiness.kept import kept
from tests.readiness.test_report import report
from tests.users.faces import faces_of

from marketbot.domain.reasons import Language
from marketbot.store import readiness_reports
from marketbot.store.pool import connect
from marketbot.store.readiness_reports import keep_report, list_reports, read_page, read_report


async def test_the_last_ones_are_kept_in_both_languages(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness_reports, "REPORTS_KEPT_MAX", 3)
    documents, pages = kept(report())
    connection = await connect(database, name="test")
    try:
        assert await read_report(connection, None, Language.EN) is None
        numbers = [await keep_report(connection, documents, pages) for _ in range(5)]
        listed = await list_reports(connection)
        assert [each.report_id for each in listed] == numbers[:1:-1]
        assert (listed[0].readiness, listed[0].ready, listed[0].simulation) == (
            Decimal(str(documents["en"]["readiness"])),
            False,
            True,
        )
        for language, name in ((Language.EN, "en"), (Language.PT, "pt")):
            found = await read_report(connection, None, language)
            assert found is not None
            assert (found[0], found[1]) == (listed[0], documents[name])
            assert await read_page(connection, numbers[-1], language) == pages[name]
        assert documents["en"]["metrics"][0]["title"] != documents["pt"]["metrics"][0]["title"]
        assert await read_report(connection, numbers[0], Language.EN) is None
        assert await read_page(connection, numbers[0], Language.EN) is None
    finally:
        await connection.close()


def test_the_course_is_thinned_and_whole() -> None:
    drawn = kept(report())[0]["en"]["course"]
    latency, memory = drawn["latency"], drawn["memory"]
    assert set(latency) == {"at_s", "p50_ms", "p95_ms", "p99_ms"}
    assert len({len(line) for line in latency.values()}) == 1
    assert 0 < len(latency["at_s"]) <= 300
    assert memory == {"at_s": [0, 1, 2], "mb": {"api": [60.0, 61.0, 62.0]}}


async def test_operators_read_them_and_users_do_not(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path) as faces:
        path = "/v1/operator/readiness"
        assert (await faces.get(path, faces.operator)).json["reports"] == []
        assert (await faces.get(f"{path}/1", faces.operator)).status == 404
        documents, pages = kept(report())
        number = await keep_report(faces.store, documents, pages)
        assert [each["report_id"] for each in (await faces.get(path, faces.operator)).json["reports"]] == [number]
        for asked, name in (("", "en"), ("?lang=pt-BR", "pt")):
            answer = await faces.get(f"{path}/{number}{asked}", faces.operator)
            assert (answer.status, answer.json["report"]) == (200, documents[name])
            assert answer.headers["content-disposition"] == f'attachment; filename="readiness-{number}.json"'
        page = await faces.get(f"{path}/{number}?format=html&lang=pt", faces.operator)
        assert page.body.decode() == pages["pt"]
        assert "sandbox" in page.headers["content-security-policy"]
        assert (await faces.get(f"{path}/{number}?format=exe", faces.operator)).status == 400
        for asked in (path, f"{path}/{number}", f"{path}/{number}?format=html", "/v1/operator/series", "/v1/operator/markets"):
            assert (await faces.get(asked, faces.ana)).status == 403
            assert (await faces.get(asked, None)).status == 401


async def test_series_and_markets_are_told(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path) as faces:
        for span, steps, step_s in (("hour", 60, 60), ("day", 96, 900)):
            told = (await faces.get(f"/v1/operator/series?span={span}", faces.operator)).json
            assert (len(told["at"]), told["step_s"], told["simulated"]) == (steps, step_s, True)
            assert {len(line) for line in (told["series"]["signals"], told["series"]["response"]["p95"])} == {steps}
            assert told["thresholds"]["connections_pct"] == {"target": 80, "alarm": 90}
        assert (await faces.get("/v1/operator/series?span=week", faces.operator)).status == 400
        assert (await faces.get("/v1/operator/markets", faces.operator)).json["markets"] == []
