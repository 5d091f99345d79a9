"""test-send: a campaign's message to one address of our own."""

import argparse
from datetime import UTC, datetime

from app.terminal import print_table
from db.settings import here
from flows.trial import Trial, Tried, try_out
from winback.delivery.alert_words import why_shut
from winback.delivery.answer import AnswerKind
from winback.errors import Exit


def test_send(arguments: argparse.Namespace) -> int:
    """Send it; exit 1 when the provider refused it, 3 when it cannot be reached or says nothing certain."""
    settings = here(arguments.workspace)
    trial = Trial(
        campaign_id=arguments.campaign, to=arguments.to, variants=arguments.variant, locales=arguments.locale
    )
    tried = try_out(settings, trial, datetime.now(UTC))
    print_table(["variant", "language", "subject", "provider", "answer", "where"], [_line(each) for each in tried])
    kinds = {each.answer.kind for each in tried}
    if kinds == {AnswerKind.ACCEPTED}:
        return Exit.DONE
    return Exit.NO if kinds <= {AnswerKind.ACCEPTED, AnswerKind.REJECTED} else Exit.UNUSABLE


def _line(tried: Tried) -> tuple[str | None, ...]:
    answer = tried.answer
    said = answer.kind.value + (f" ({why_shut(answer.reason)[0]})" if answer.reason else "")
    return tried.variant, tried.language, tried.subject, tried.provider, said, tried.file or answer.provider_id
