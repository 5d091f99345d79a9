"""Words that people write into a campaign file and that are no fields of it: what is, or that it comes later."""

_STEPS = "(a journey has one step until then)"
# Words of later versions: refused by name, with what to do instead.
NOT_YET = {
    "offers": "", "offer": "(until then a variant differs by its template only)",
    "wait": _STEPS, "unless": _STEPS, "call": _STEPS, "call_task": _STEPS, "when": _STEPS, "due": _STEPS,
    "threshold": "",
    "local_time": "(limits.quiet_hours goes by the recipient's clock already)",
    "exclusive_group": "", "global_holdout": "", "global_holdout_share": "",
}  # fmt: skip
# What others call a field of ours.
MEANT = {
    "frequency_cap": "limits.per_person", "cap": "limits.per_person", "segment": "audience.where",
    "filter": "audience.where", "control": "holdout", "control_group": "holdout", "kpi": "success.measure",
    "metric": "success.measure", "goal": "success.measure", "cooldown": "again_after", "message": "journey",
    "steps": "journey", "cn": "zh",
}  # fmt: skip
