"""What one user changes in a minute is limited by the user, whichever token is shown; others are not held up by it."""

from __future__ import annotations

from pathlib import Path

from marketbot.domain.limits import USER_COMMANDS
from marketbot.domain.scope import USER_SCOPES

from .faces import faces_of

PATIENT = 429


async def test_a_user_changes_so_much_in_a_minute(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path) as faces:
        account = (await faces.get("/v1/accounts?limit=1", faces.ana)).json["accounts"][0]["account_id"]
        rui_account = (await faces.get("/v1/accounts?limit=1", faces.rui)).json["accounts"][0]["account_id"]

        async def pause(token: str, account_id: int) -> int:
            answer = await faces.ask("PATCH", f"/v1/accounts/{account_id}/settings", token, {"paused": True})
            if answer.status == PATIENT:
                assert answer.json["reason"] == "RATE_LIMIT_EXCEEDED"
                assert int(answer.headers["retry-after"]) >= 1
            return answer.status

        done = [await pause(faces.ana, account) for _ in range(USER_COMMANDS.rate.burst + 1)]
        assert done == [200] * USER_COMMANDS.rate.burst + [PATIENT]
        second = (await faces.token(1, *USER_SCOPES)).text
        assert await pause(second, account) == PATIENT
        assert await pause(faces.rui, rui_account) == 200
        assert (await faces.get("/v1/me", faces.ana)).status == 200
