"""Fenced blocks of a page in Markdown, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_HASH = "\ue000"


@dataclass(frozen=True)
class Block:
    """A fenced block, with the number of the section it is in, and the reason not to run it."""

    language: str
    code: str
    line: int
    section: int
    reason: str | None


def blocks(page: str) -> list[Block]:
    """All fenced blocks in order; a reason is what a comment right before it says: ``<!-- not run: REASON -->``."""
    pattern = re.compile(
        r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
        re.MULTILINE | re.DOTALL,
    )
    found = []
    for match in pattern.finditer(page):
        before = page[: match.start()]
        line, section = before.count("\n") + 1, len(re.findall(r"^## ", before, re.MULTILINE))
        found.append(Block(match["language"], match["code"], line, section, match["reason"]))
    return found


def commands(code: str) -> Iterator[list[str]]:
    """Words of every command of a bash block; what a here-document holds is no command."""
    code = re.sub(r"(<<-?\s*['\"]?(\w+)['\"]?[^\n]*\n).*?^\s*\2$", r"\1", code, flags=re.MULTILINE | re.DOTALL)
    for line in _lines(code.replace("\\\n", " ")):
        words: list[str] = []
        for word in line:
            if set(word) <= set("|&;"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def _lines(code: str) -> Iterator[list[str]]:
    """Words of every line; a line whose quotes are open goes on in the next."""
    begun = ""
    for line in code.splitlines():
        text = re.sub(r"(?<=\S)#", _HASH, begun + line)  # in a word it begins no comment, which shlex does not know
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")  # words of their own, unless quoted
        lexer.whitespace_split = True
        try:
            yield [word.replace(_HASH, "#") for word in lexer]
        except ValueError:
            begun += line + "\n"
        else:
            begun = ""


def job_command(words: list[str]) -> tuple[str, list[str]] | None:
    """The job that a command starts, and its arguments (without what is redirected); None where it starts none."""
    for i, word in enumerate(words):
        if match := re.fullmatch(r"(?:\S*/)?jobs/(\w+)\.py", word):
            redirected = [j for j in range(i, len(words)) if set(words[j]) <= set("<>")]
            return match[1], words[i + 1 : min(redirected, default=len(words))]
    return None
