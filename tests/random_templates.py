"""Random messages: everything a marketer's template may hold, and customers that nobody would like to have."""

from datetime import date
from random import Random

WORDS = (
    "Hello",
    'it\'s "new"',
    "<b>bold</b> & more",
    "一二三。",
    " two  blanks ",
    "a\n  b\n",
    "%s {x}",
    "</script>",
    "–",
)
LINKS = ('<a href="https://shop.example/new">n</a>', "https://shop.example/a?b=1&c=2.", '<a href="#top">t</a>')
FIELDS = (
    "customer.name", "customer['name']", "customer.locale", "customer.country", "customer.orders",
    "customer.last_order_on", "customer.days_since_order", "campaign.name", "campaign['name']", "sender.name",
    "sender.postal_address", "links.unsubscribe", "message.language",
)  # fmt: skip
FILTERS = (
    "upper", "lower", "title", "trim", "length", "e", "default('none')", "d(campaign.name)", "truncate(5)", "abs",
    "capitalize", "date", "date('short')", "number", "number(2)", "money('EUR')", "default(customer.orders)",
)  # fmt: skip
TESTS = ("defined", "undefined", "none", "string", "number", "even", "odd", "not none")
VARIABLES = ("v", "w", "x", "y", "z", "p", "q", "r")
GROUPS = ("customer", "campaign", "sender", "links", "message")
LOOP = ("loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex", "loop.depth")
PIECES = ("_shared/p1.txt", "_shared/p2.txt")
FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }}"


def hostile_customers() -> list[dict[str, object]]:
    """Names with quotes, controls, directions, template code, half characters; and those without a name."""
    usual = {"locale": "en-GB", "country": "GB", "orders": 4, "last_order_on": date(2025, 3, 14)}
    names = [
        "Ada Quill", "O'Neil \"Bob\" & Co", "back\\slash", "a\0b", "a\r\nBcc: x@y", "a\u2028b", "</script><b>",
        "👩‍👩‍👧", "\u202egnp.exe", "שלום", "{{ 7 * 7 }}{% raw %}", "%s%(x)s{0}", "a\ud800b", "x" * 2_000,
        "x" * 2_001, None, "", "  ", "İ", "&amp;", "https://evil.example/",
    ]  # fmt: skip
    customers: list[dict[str, object]] = [
        usual | {"name": name, "days_since_order": 98 + number} for number, name in enumerate(names)
    ]
    return [
        *customers,
        {
            "name": "林晓雨",
            "locale": "zh-CN",
            "orders": 1,
            "last_order_on": date(1997, 9, 3),
            "days_since_order": 0,
        },
        {"name": "Nobody", "locale": None},
        {
            "name": 5,
            "locale": "zh",
            "country": 1.5,
            "orders": "four",
            "last_order_on": "soon",
            "days_since_order": -1,
        },
        {},
    ]


class Writer:
    """Writes the files of one random message ``hello``."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.dense = self.random.random() < 0.2  # few names, so that one often means several things
        self.variables = VARIABLES[:3] if self.dense else VARIABLES
        self.macros: list[str] = []
        self.exported: list[str] = []
        self.texts: list[str] = []  # variables that hold a text here, as far as one can see
        self.in_loop = False
        self.made = 0

    def message(self) -> dict[str, str]:
        """Path -> text: some with a layout or two, included pieces, a file of macros, a Chinese edition."""
        files = {"_shared/m.txt": self.macro_file(), "_shared/p2.txt": self.piece(())}
        files["_shared/p1.txt"] = self.piece(("_shared/p2.txt",))
        files["_shared/outer.txt"] = self.layout()
        files["_shared/inner.txt"] = self.child("_shared/outer.txt")
        for suffix in ("", ".zh") if self.random.random() < 0.3 else ("",):
            files[f"hello/subject{suffix}.txt"] = "S" + self.piece(())
            files[f"hello/body{suffix}.html"] = self.part()
            files[f"hello/body{suffix}.txt"] = self.part()
            files[f"hello/sms{suffix}.txt"] = self.word() + self.piece()
        return files

    def piece(self, pieces: tuple[str, ...] = PIECES) -> str:
        self.macros, self.texts = [], []
        return self.body(2, pieces)

    def part(self) -> str:
        self.macros, self.texts = [], []
        kind = self.random.random()
        if kind < 0.45:
            return self.body(3) + FOOT
        return self.child("_shared/outer.txt" if kind < 0.75 else "_shared/inner.txt")

    def layout(self) -> str:
        self.macros, self.texts = [], []
        blocks = "".join(f"{self.body(1)}{{% block {name} %}}{self.body(2)}{{% endblock %}}" for name in "abc")
        nested = f"{{% block d %}}{self.body(1)}{{% block e %}}{self.body(1)}{{% endblock %}}{{% endblock %}}"
        return blocks + nested + FOOT + self.body(1) + "</body>"

    def child(self, layout: str) -> str:
        self.macros, self.texts = [], []
        pick = self.random
        before = self.set_() if pick.random() < 0.2 else ""
        own = [self.macro()] if pick.random() < 0.3 else []
        own += [self.imports()] if pick.random() < 0.4 else []
        own += [self.set_()] if pick.random() < 0.3 else []
        own += [self.word()] if pick.random() < 0.2 else []
        for name in "abcde":
            if pick.random() < 0.5:
                inside = self.body(2) + (f"{self.open_()}super(){self.close()}" if pick.random() < 0.4 else "")
                own.append(f"{{% block {name} %}}{inside}{self.body(1)}{{% endblock %}}")
        return f'{before}{{% extends "{layout}" %}}' + "".join(own)

    def macro_file(self) -> str:
        before = self.macros
        self.macros = []
        text = "\n".join(self.macro() for _ in range(3))
        self.exported, self.macros = self.macros, before
        return text + (self.set_() if self.random.random() < 0.05 else "")

    def imports(self) -> str:
        name = self.random.choice(self.exported)
        self.macros.append(name)
        return f'{{% from "_shared/m.txt" import {name} %}}'

    def body(self, depth: int, pieces: tuple[str, ...] = PIECES) -> str:
        before = list(self.macros), list(self.texts)
        text = "".join(self.statement(depth, pieces) for _ in range(self.random.randint(0, 3)))
        self.macros, self.texts = before
        return text

    def statement(self, depth: int, pieces: tuple[str, ...]) -> str:
        kinds = [self.word, self.word, self.output, self.output, self.output, self.set_]
        if depth > 0:
            kinds += [
                lambda: self.if_(depth, pieces), lambda: self.if_(depth, pieces), lambda: self.for_(depth, pieces),
                lambda: self.for_(depth, pieces), lambda: self.with_(depth, pieces),
                lambda: f"{{% filter trim %}}{self.body(depth - 1, pieces)}{{% endfilter %}}",
                lambda: f"{{% set {self.variable()} %}}{self.body(depth - 1, pieces)}{{% endset %}}",
                lambda: "{% raw %}{{ x }}{% endraw %}{# note #}",
            ]  # fmt: skip
            if depth > 1:
                kinds += [self.macro, self.imports] if self.exported else []
            if pieces:
                kinds += [lambda: f'{{% include "{self.random.choice(pieces)}" %}}'] * 2
            if self.macros:
                kinds += [self.call, lambda: self.call_block(depth, pieces)] * 2
        return self.random.choice(kinds)()

    # --- statements

    def word(self) -> str:
        return self.random.choice(WORDS + LINKS)

    def open_(self) -> str:
        return self.random.choice(["{{ ", "{{ ", "{{ ", "{{- "])

    def close(self) -> str:
        return self.random.choice([" }}", " }}", " }}", " -}}"])

    def output(self) -> str:
        return self.open_() + self.printable() + self.close()

    def printable(self) -> str:
        """Mostly something that exists and can be printed, or nothing would ever be rendered."""
        pick = self.random.random()
        if pick < 0.4:
            return self.random.choice(FIELDS) + "|default('?')" * (self.random.random() < 0.6)
        if pick < 0.4 + 0.2 * self.dense:
            return self.random.choice(self.variables) + "|default('-')"
        return self.text(2) if pick < 0.97 else self.expression(2)

    def text(self, depth: int) -> str:
        pick = self.random.random()
        if self.texts and pick < 0.15:
            return self.random.choice(self.texts)
        if pick < 0.3 or depth == 0:
            return self.random.choice(
                ["'a'", "'<i>'", "campaign.name", "sender.name", "'\\u2028'", "message.language"]
            )
        if pick < 0.5:
            return f"{self.text(depth - 1)} ~ {self.text(depth - 1)}"
        if pick < 0.6:
            return f"({self.text(depth - 1)} + {self.text(depth - 1)})"
        if pick < 0.8:
            return f"({self.text(depth - 1)})|{self.random.choice(FILTERS[:6])}"
        return f"({self.text(depth - 1)} if {self.condition(1)} else {self.text(depth - 1)})"

    def set_(self) -> str:
        name = self.variable()
        if self.random.random() < 0.3:
            self.texts = [text for text in self.texts if text != name]
            return f"{{% set {name} = {self.expression(2)} %}}"
        value = self.text(2)
        self.texts.append(name)
        return f"{{% set {name} = {value} %}}"

    def variable(self) -> str:
        """A name to give a meaning; now and then one of the groups'."""
        return self.random.choice(GROUPS) if self.random.random() < 0.01 else self.random.choice(self.variables)

    def if_(self, depth: int, pieces: tuple[str, ...]) -> str:
        text = f"{{% if {self.condition(2)} %}}{self.body(depth - 1, pieces)}"
        if self.random.random() < 0.3:
            text += f"{{%- elif {self.condition(1)} -%}}{self.body(depth - 1, pieces)}"
        if self.random.random() < 0.5:
            text += f"{{% else %}}{self.body(depth - 1, pieces)}"
        return text + "{% endif %}"

    def for_(self, depth: int, pieces: tuple[str, ...]) -> str:
        name, pairs = self.variable(), self.random.random() < 0.2
        target = f"{name}, other" if pairs else name
        over = "[('a', 1), ('<b>', customer.orders)]" if pairs else self.items()
        only = f" if {self.condition(1)}" if self.random.random() < 0.15 else ""
        last = f"{{% else %}}{self.body(depth - 1, pieces)}" if self.random.random() < 0.15 else ""
        before, self.in_loop = self.in_loop, True
        inside = f"{{{{ {name} }}}}" * ("{'b'" not in over and self.random.random() < 0.5)
        inside += self.body(depth - 1, pieces)
        inside += f"{{{{ {name}.b|default('?') }}}}" * ("'b'" in over and self.random.random() < 0.5)
        self.in_loop = before
        return f"{{% for {target} in {over}{only} %}}{inside}{last}{{% endfor %}}"

    def items(self) -> str:
        return self.random.choice(
            ["['a', '<b>', 3]", "[campaign.name, 'x']", "[]", "'xyz'", "customer.name|default('ab')",
             "[customer.name]",
             "[{'b': 1.5, 'c': 'd'}, {'b': none}]", "[1, 2.5, true]", "(1, 2)", self.expression(1)]
        )  # fmt: skip

    def with_(self, depth: int, pieces: tuple[str, ...]) -> str:
        return (
            f"{{% with {self.variable()} = {self.expression(1)} %}}{self.body(depth - 1, pieces)}{{% endwith %}}"
        )

    def macro(self) -> str:
        self.made += 1
        name = f"m{self.made}" if self.random.random() < 0.9 else "m"
        outer, self.macros = self.macros, list(self.macros)
        before, self.in_loop = self.in_loop, False
        argument = self.random.choice(self.variables)
        default = f"={self.text(0)}" if self.random.random() < 0.5 else ""
        inside = self.body(1) + f"{{{{ {argument} }}}}" * (self.random.random() < 0.6)
        inside += "{% if caller is defined %}{{ caller() }}{% endif %}" * (self.random.random() < 0.5)
        self.in_loop, self.macros = before, [*outer, name]
        return f"{{% macro {name}({argument}{default}) %}}{inside}{{% endmacro %}}"

    def call(self) -> str:
        arguments = self.text(1) if self.random.random() < 0.8 else ""
        return f"{{{{ {self.random.choice(self.macros)}({arguments}) }}}}"

    def call_block(self, depth: int, pieces: tuple[str, ...]) -> str:
        name = self.random.choice(self.macros)
        return f"{{% call {name}({self.text(1)}) %}}{self.body(depth - 1, pieces)}{{% endcall %}}"

    # --- expressions

    def condition(self, depth: int) -> str:
        pick = self.random.random()
        if pick < 0.35 or depth == 0:
            return self.random.choice(
                ["customer.name", "customer.orders > 1", "campaign.name", "sender.name == 'x'"]
            )
        if pick < 0.55:
            if self.random.random() < 0.3:
                return f"{self.random.choice(self.variables)} is {self.random.choice(['defined', 'undefined'])}"
            return f"{self.random.choice(FIELDS)} is {self.random.choice(TESTS)}"
        if pick < 0.7:
            return f"not ({self.condition(depth - 1)})"
        if pick < 0.85:
            return f"({self.condition(depth - 1)} {self.random.choice(['and', 'or'])} {self.condition(depth - 1)})"
        if pick < 0.98:
            return f"{self.expression(1)} {self.random.choice(['==', '!='])} {self.expression(1)}"
        return f"{self.expression(1)} {self.random.choice(['<', '>', 'in'])} {self.expression(1)}"

    def expression(self, depth: int) -> str:
        pick = self.random.random()
        if pick < 0.25 or depth == 0:
            return self.random.choice(FIELDS)
        if pick < 0.4:
            return self.random.choice(
                ["1", "2.5", "'t<x>'", "true", "none", "[1, 'a']", "{'b': 'c', 'd': 4}", "'0'"]
            )
        if pick < 0.55 and (self.in_loop or self.texts):
            return self.random.choice(LOOP if self.in_loop else self.texts)
        if pick < 0.555:
            return self.random.choice(self.variables)
        if pick < 0.75:
            return f"({self.expression(depth - 1)})|{self.random.choice(FILTERS)}"
        if pick < 0.85:
            operator = self.random.choice(["~", "~", "+", "-", "*", "/", "%"])
            return f"({self.expression(depth - 1)} {operator} {self.expression(depth - 1)})"
        if pick < 0.93:
            return f"({self.expression(depth - 1)}){self.random.choice(['[0]', '[1:3]', '[-1]', '.b', '.nmae'])}"
        return f"({self.expression(depth - 1)} if {self.condition(1)} else {self.expression(depth - 1)})"
