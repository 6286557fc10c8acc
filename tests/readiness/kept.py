"""A report as an installation keeps it, made by the package itself."""

from __future__ import annotations

from typing import Any

from readiness.course import course
from readiness.language import Language, texts
from readiness.render.html import html
from readiness.report import Report, document


def kept(report: Report) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return what ``keep_report`` takes."""
    spoken = {language.value: texts(language) for language in Language}
    drawn = {"course": course(report.findings)}
    documents = {name: document(report, say) | drawn for name, say in spoken.items()}
    return documents, {name: html(report, say) for name, say in spoken.items()}
