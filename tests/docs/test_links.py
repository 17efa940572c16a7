"""The pages lead to each other, and the README to every one of them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *GUIDES, ROOT / "benchmarks" / "README.md"]

_FENCED = re.compile(r"^ *(`{3,}).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """What can stand behind a #, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links to files that are not there, and to headings that no page has."""
    found = []
    for link in _LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(prose(target)))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path):
    """To a file, and to a heading that it has."""
    assert broken(page) == []


def test_a_link_to_nothing_is_found(tmp_path: Path):
    """A file that is not there, a heading that is not there; not what a snippet has in brackets."""
    (tmp_path / "there.md").write_text("# It's `here`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[1](there.md#its-here) [2](https://a.example/#b) [3](#a-page)\n"
        "[4](gone.md) [5](there.md#gone) [6](#gone)\n```python\nrows[0](not_a_link)\n```\n"
    )

    assert broken(page) == ["gone.md", "there.md#gone", "#gone"]


def test_the_readme_leads_to_every_page():
    """It is the index of the documentation."""
    links = {link.partition("#")[0] for link in _LINK.findall(prose(ROOT / "README.md"))}

    assert {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md"} <= links


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_a_page_says_first_what_it_is_for(page: Path):
    """Its heading is followed by a sentence, and not by a snippet, a table or another heading."""
    heading, blank, first, *_ = page.read_text(encoding="utf-8").splitlines()

    assert (heading[:2], blank) == ("# ", "")
    assert re.match(r"(?!```)[A-Za-z`]", first)
