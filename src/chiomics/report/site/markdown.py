"""The Markdown of the studies' READMEs as HTML: headings, paragraphs, lists, tables, bold, code and links.

Everything is escaped first, so that no text from data becomes HTML.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape


def to_html(text: str, *, folder: str = "") -> Markup:
    """Write Markdown as HTML.

    Parameters
    ----------
    text : str
        The READMEs' own part of Markdown.
    folder : str
        Put before relative links, with its slash.

    Returns
    -------
    markupsafe.Markup
        Headings are one level lower than written, under the page's own.
    """
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        lines = block.split("\n")
        while lines and (head := re.match(r"(#{1,5}) +(.*)", lines[0])):
            level = len(head[1]) + 1
            parts.append(f"<h{level}>{_inline(head[2], folder)}</h{level}>")
            lines = lines[1:]
        if lines:
            parts.append(_block(lines, folder))
    return Markup("\n".join(parts))


def _block(lines: list[str], folder: str) -> str:
    if len(lines) > 1 and lines[0].startswith("|") and re.fullmatch(r"[|:\- ]+", lines[1]):
        head, *rows = ([_inline(cell, folder) for cell in _cells(line)] for line in (lines[0], *lines[2:]))
        top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    if re.match(r"[-*] |\d+\. ", lines[0]):
        items: list[str] = []
        for line in lines:
            start = re.match(r"(?:[-*]|\d+\.) +(.*)", line)
            if start:
                items.append(start[1])
            else:
                items[-1] += " " + line.strip()
        kind = "ol" if lines[0][0].isdigit() else "ul"
        return f"<{kind}>" + "".join(f"<li>{_inline(item, folder)}</li>" for item in items) + f"</{kind}>"
    if lines[0].startswith("```"):
        return f"<pre>{escape(chr(10).join(lines[1:-1]))}</pre>"
    return f"<p>{_inline(' '.join(lines), folder)}</p>"


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _inline(text: str, folder: str) -> str:
    """Escape a line, and then mark what is bold, code or a link; of links, only those that lead into the results."""
    said = str(escape(text))
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", said)
    said = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", said)

    def link(found: re.Match) -> str:
        name, target = found[1], found[2]
        if re.match(r"https?://", target):
            return f'<a href="{target}" rel="noreferrer">{name}</a>'
        return f'<a href="{folder}{target}">{name}</a>' if re.fullmatch(r"[\w./#-]+", target) else name

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, said)
