"""Portraits of the churned on the terminal."""

from app.terminal import print_table, say
from winback.churners.portraits import Portrait, Portraits
from winback.money import major


def show_portraits(found: Portraits, currency: str) -> None:
    """One line each, then the rules, what they bought and why they left."""
    if found.reason:
        say(found.reason)
        return
    print()
    print_table(
        ["portrait", "customers", f"value {currency}", "days since order", "purchase days", f"spent {currency}"],
        [_line(number, each, currency) for number, each in enumerate(found.portraits, 1)],
    )
    for number, each in enumerate(found.portraits, 1):
        print()
        print(f"{number}. " + "; or ".join(rule.en for rule in each.rules))
        print(f"   {'；或 '.join(rule.zh for rule in each.rules)}")
        print(f"   key: {each.key}")
        for title, counts in (("bought", each.bought), ("causes", each.causes)):
            if counts:
                print(f"   {title}: " + ", ".join(f"{name} ({count:,})" for name, count in counts.items()))
    say("another name for a portrait: its key in portraits.yaml")
    share, steady = found.agreement, found.stability
    say(f"the rules agree with the groups for {share:.0%} of the customers, stability {steady:.2f}")


def _line(number: int, found: Portrait, currency: str) -> tuple[object, ...]:
    value, spent = (f"{major(round(minor), currency):,.2f}" for minor in (found.value_minor, found.spend_minor))
    name = f"{number}. {found.name.en} / {found.name.zh}"
    return name, found.customers, value, f"{found.recency_days:.0f}", f"{found.purchase_days:.1f}", spent
