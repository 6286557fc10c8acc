"""GET /: on to where the viewer begins. POST /preferences: language and theme, for anybody. GET /static: the files of pages."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.exceptions import NotFoundException

from marketbot.api.admission import ApiRequest, Standing, caller_of, of_person
from marketbot.api.shedding import LOAD_CLASS
from marketbot.domain.load import LoadClass
from marketbot.domain.reasons import Language
from marketbot.web import headers
from marketbot.web.admission import form_of
from marketbot.web.assets import PREFIX, assets
from marketbot.web.forms import own_path
from marketbot.web.navigation import first_path
from marketbot.web.page import go_to, is_https
from marketbot.web.viewer import CHOICE_AGE_S, LANGUAGE_COOKIE, THEME_COOKIE, THEMES


@get("/", opt=of_person(Standing.ANY))
async def entrance(request: ApiRequest) -> Response[bytes]:
    caller = caller_of(request)
    return go_to(request, "/second-factor" if caller.owes else first_path(caller.role))


@post("/preferences")
async def choose(request: ApiRequest) -> Response[bytes]:
    """Keep what was chosen in a cookie: it is nobody's secret, and holds for pages before signing in too."""
    form = form_of(request)
    response = go_to(request, own_path(form.get("next", "/")))
    for name, cookie, allowed in (
        ("language", LANGUAGE_COOKIE, [each.value for each in Language]),
        ("theme", THEME_COOKIE, THEMES),
    ):
        if form.get(name) in allowed:
            response.set_cookie(cookie, form[name], max_age=CHOICE_AGE_S, samesite="lax", secure=is_https(request))
    return response


@get(f"{PREFIX}/{{path:path}}", opt={LOAD_CLASS: LoadClass.UNCOUNTED})
async def static_file(request: ApiRequest) -> Response[bytes]:
    found = assets().find(str(request.path_params["path"]))
    if found is None:
        raise NotFoundException
    told = headers.with_transport(headers.ASSET, https=is_https(request)) | {"ETag": f'"{found.digest}"'}
    if request.headers.get("if-none-match") == told["ETag"]:
        return Response(b"", status_code=304, media_type=found.media_type, headers=told)
    # A browser says "gzip, deflate, br"; one that refuses it with q=0 does not exist outside of test suites, and reads it too.
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.compressed, media_type=found.media_type, headers=told | {"Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=told)
