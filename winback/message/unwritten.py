"""Why a message could not be written: the ledger's words for it, and what they mean to people."""

RENDER_ERROR, NO_SIGNATURE, NO_OPT_OUT = "render_error", "no_signature", "no_opt_out"
UNWRITTEN = frozenset({RENDER_ERROR, NO_SIGNATURE, NO_OPT_OUT})

_WORDS: dict[str, tuple[str, str]] = {
    RENDER_ERROR: (
        "the template fails, or a value it needs is missing: winback check",
        "模板出错，或缺少所需的值：winback check",
    ),
    NO_SIGNATURE: (
        "a text to a +86 number, in whatever language, must start or end with its signature in 【】",
        "发往 +86 号码的短信，不论用什么语言，都必须以【签名】开头或结尾",
    ),
    NO_OPT_OUT: (
        "a text to a +86 number, in whatever language, must say how to opt out (退订 or 拒收)",
        "发往 +86 号码的短信，不论用什么语言，都必须写明怎样退订（“退订”或“拒收”）",
    ),
}


def why_unwritten(reason: str) -> tuple[str, str]:
    """The reason in words with its ledger's word: (English, Chinese)."""
    en, zh = _WORDS[reason]
    return f"{en} ({reason})", f"{zh}（{reason}）"
