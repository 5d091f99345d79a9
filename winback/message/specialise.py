"""The fast render: a message compiled for one campaign version and language, byte for byte what ``render`` gives.

Whatever goes wrong on the way is left to ``render``: it knows whether the message can be rendered after all, or
why not and in which line. ``render`` remains the reference, for previews and checks; a property test holds the two
together.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from jinja2 import nodes
from jinja2.runtime import Context
from markupsafe import escape

from winback.channel import Channel
from winback.message.environment import MAX_CHARS, MAX_STEPS, Budget, MissingValue, OverBudget, spend, step
from winback.message.fields import PLAIN_CUSTOMER_FIELDS
from winback.message.flatten import Unsuited
from winback.message.languages import Language
from winback.message.part import ESCAPED_LINKS, LINKS, Part, compile_part, flat_tree, plain_part
from winback.message.plain_text import tidy
from winback.message.rendering import (
    CLEAN,
    Email,
    PlainLinks,
    RenderFailure,
    Sms,
    Values,
    anonymous,
    as_sms,
    cleaned,
    render,
)
from winback.message.template import HTML, PARTS, SMS, TEXT, Message


def prepare(message: Message, channel: Channel, *, campaign: Values, sender: Values) -> "Prepared":
    """``message`` on ``channel`` for one version of a campaign, to be called for each customer."""
    return Prepared(message, channel, campaign, sender)


class Prepared:
    """A message of one campaign version; what is compiled for a language is kept."""

    def __init__(self, message: Message, channel: Channel, campaign: Values, sender: Values) -> None:
        self._message, self._channel, self._campaign, self._sender = message, channel, campaign, sender
        self._trees: dict[tuple[str, str], nodes.Template | None] = {}
        self._editions: dict[Language, Edition] = {}

    def __call__(self, customer: Values, links: Values) -> Email | Sms | RenderFailure:
        """What ``render`` gives for this customer."""
        locale = customer.get("locale")
        return self.edition(locale if isinstance(locale, str) else None)(customer, links)

    def edition(self, locale: str | None) -> "Edition":
        """The edition for customers of ``locale``."""
        language = self._message.language(locale)
        found = self._editions.get(language)
        if found is None:
            found = Edition(self._message, self._channel, language, self._campaign, self._sender, self._tree)
            self._editions[language] = found
        return found

    def _tree(self, suffix: str, part: str) -> nodes.Template | None:
        """The flat tree of a part, the same for all languages of one suffix; None for one that is Unsuited."""
        if (suffix, part) not in self._trees:
            self._trees[suffix, part] = None
            with suppress(Unsuited):
                self._trees[suffix, part] = flat_tree(self._message.editions[suffix, part])
        return self._trees[suffix, part]


class Edition:
    """A message in one language, as a function of (customer, links).

    ``links``: the names of a customer's links that it needs. ``fast``: whether all parts could be specialised.
    """

    def __init__(
        self,
        message: Message,
        channel: Channel,
        language: Language,
        campaign: Values,
        sender: Values,
        tree: Callable[[str, str], nodes.Template | None],
    ) -> None:
        self._message, self._channel, self._language = message, channel, language
        self._campaign, self._sender = campaign, sender
        self.parts: Mapping[str, Part] = {}
        groups = {"campaign": campaign, "sender": sender, "message": {"language": language.tag}}
        with suppress(MissingValue):  # of the campaign or sender: nobody can be written to, and render says why
            self._constants = {name: cleaned(message, name, values) for name, values in groups.items()}
            wanted = PARTS[channel] if channel in message.channels else ()
            self.parts = {part: self._part(part, tree(language.suffix, part)) for part in wanted}
        parts = self.parts.values()
        self.fast = bool(parts) and all(part.fast for part in parts)
        self.links = self._links()
        self._roots = list(parts)
        made = language.suffix in message.made
        self._finish = [
            tidy if made and name == TEXT else _finisher(name, part) for name, part in self.parts.items()
        ]
        self._steps = sum(part.steps for part in parts)
        self._bounded = any(part.bounded for part in parts) or self._steps > MAX_STEPS
        self._identified = self._is_identified()

    def _part(self, name: str, tree: nodes.Template | None) -> Part:
        template = self._message.editions[self._language.suffix, name]
        fields = {"customer": PLAIN_CUSTOMER_FIELDS, "links": frozenset(self._message.links)}
        with suppress(Unsuited):
            if tree is not None:
                return compile_part(template, tree, self._constants, fields, self._language.tag)
        return plain_part(template)

    def __call__(self, customer: Values, links: Values) -> Email | Sms | RenderFailure:
        """What ``render`` gives for this customer."""
        try:
            return self.quick(customer, links)
        except Exception:  # a template is another's program: render tells what is wrong with it, and where
            groups = {"campaign": self._campaign, "sender": self._sender, "links": links}
            return render(self._message, self._channel, customer=customer, **groups)

    def quick(self, customer: Values, links: Values) -> Email | Sms | RenderFailure:
        """The same without ``render``; raises where that is needed."""
        if not self.parts:
            raise Unsuited
        values = {
            "customer": cleaned(self._message, "customer", customer),
            **self._links_read(links),
            **self._constants,
        }
        parts = [finish(text) for finish, text in zip(self._finish, self._texts(values), strict=True)]
        if not all(parts):
            raise MissingValue("a part", "it is empty")
        tag = self._language.tag
        if self._channel == "sms":
            return as_sms(tag, parts[0])
        email = Email(language=tag, subject=parts[0], html=parts[1], text=parts[2])
        return email if self._identified else anonymous(email, values, self._message.name) or email

    def _links_read(self, links: Values) -> dict[str, Mapping[str, object]]:
        if type(links) is PlainLinks:
            return {LINKS: links, ESCAPED_LINKS: links}
        clean = cleaned(self._message, LINKS, links)
        return {LINKS: clean, ESCAPED_LINKS: {name: _escaped(link) for name, link in clean.items()}}

    def _texts(self, values: dict[str, Mapping[str, object]]) -> list[str]:
        if self._bounded:
            with Budget():
                step(self._steps)
                texts = self._joined(values)
                spend(sum(map(len, texts)))
                return texts
        texts = self._joined(values)
        if sum(map(len, texts)) > MAX_CHARS:
            raise OverBudget
        return texts

    def _joined(self, values: dict[str, Mapping[str, object]]) -> list[str]:
        name, texts, shared = self._message.name, [], None
        for part in self._roots:
            if not part.alone:
                context = Context(part.environment, values, name, part.blocks)
            elif shared is None:
                context = shared = Context(part.environment, values, name, {})
            else:
                context = shared
            texts.append("".join(part.root(context)))
        return texts

    def _links(self) -> tuple[str, ...]:
        if not self.parts:
            return self._message.links
        read = {"unsubscribe"} if self._channel == "email" else set[str]()  # every e-mail must show it
        for part in self.parts.values():
            read.update(self._message.links if part.links is None else part.links)
        return tuple(name for name in self._message.links if name in read)

    def _is_identified(self) -> bool:
        """Whether every e-mail is known to show its way out and its sender's address, so that nobody need look.

        A text may lose white space at its ends, so an address with some there is looked for.
        """
        bodies = [part for name, part in self.parts.items() if name in (HTML, TEXT)]
        address = self._constants["sender"]["postal_address"] if bodies else None
        whole = isinstance(address, str) and address == tidy(address).strip()
        plain = whole and all(part.clean for part in bodies)
        return plain and all({("links", "unsubscribe"), address} <= part.prints for part in bodies)


def _escaped(link: object) -> object:
    return str(escape(link)) if isinstance(link, str) else link  # what is Absent raises when it is printed


def _finisher(name: str, part: Part) -> Callable[[str], str]:
    return _WITHOUT_CLEANING.get(name, CLEAN[name]) if part.clean else CLEAN[name]


_WITHOUT_CLEANING: Mapping[str, Callable[[str], str]] = {
    TEXT: lambda text: text.strip() + "\n",
    SMS: str.strip,
}
