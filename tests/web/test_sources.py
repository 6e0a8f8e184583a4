"""The sources of the live page: what needs no browser to be seen."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "web"
SOURCES = sorted(p for p in PAGE.iterdir() if p.suffix in (".js", ".html", ".css"))
VOID = {"meta", "link", "input"}


class Elements(HTMLParser):
    """Every element: its name, its attributes and the text in it."""

    def __init__(self):
        super().__init__()
        self.all, self.open = [], []
        self.feed((PAGE / "index.html").read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.all.append([tag, dict(attributes), ""])
        if tag not in VOID:
            self.open.append(self.all[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag  # nothing is left open

    def handle_data(self, data):
        for element in self.open:
            element[2] += data.strip()

    def named(self, *tags):
        return [element for element in self.all if element[0] in tags]


@pytest.fixture(scope="module")
def elements():
    return Elements()


def test_the_policy_is_strict(elements):
    (policy,) = (
        attributes["content"]
        for _, attributes, _ in elements.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    directives = {name: rest for name, *rest in map(str.split, policy.split(";"))}
    assert directives.pop("default-src") == ["'none'"]
    assert directives.pop("script-src") == ["'self'", "'wasm-unsafe-eval'"]
    assert directives.pop("media-src") == ["blob:"]
    assert {source for rest in directives.values() for source in rest} <= {
        "'self'",
        "'none'",
    }
    # Which would not run: scripts, styles and handlers within the page.
    assert not any(text for _, _, text in elements.named("script", "style"))
    assert not any(
        name.startswith("on") or name == "style"
        for _, attributes, _ in elements.all
        for name in attributes
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_source_is_short_and_asks_nobody_else(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 300
    assert not re.search(r"(https?|wss?):|[\"'(=]//", text)


def test_what_is_there_has_a_name_for_those_who_do_not_see_it(elements):
    assert elements.named("html")[0][1]["lang"] == "en"
    labels = {a["for"] for _, a, text in elements.named("label") if text}
    for _, attributes, _ in elements.named("select", "input"):
        assert attributes["id"] in labels or attributes.get("aria-label")
    assert all(text for _, _, text in elements.named("button", "summary", "h1", "h2"))
    for _, attributes, _ in elements.named("canvas"):
        assert attributes["role"] == "img" and attributes["aria-label"]
    ids = {a["id"] for _, a, _ in elements.all if "id" in a}
    for _, attributes, _ in elements.named("section"):
        named = attributes.get("aria-labelledby") in ids
        assert named or attributes.get("aria-label")
    assert {"status", "alert"} <= {a.get("role") for _, a, _ in elements.all}


def test_offline_js_keeps_every_file():
    text = (PAGE / "offline.js").read_text("utf-8")
    kept = set(re.findall(r'"([\w.]+\.\w+)"', text))
    files = {p.name for p in PAGE.iterdir() if p.suffix in (".js", ".css", ".svg")}
    assert kept == files - {"offline.js"}


def test_the_runtime_is_locked():
    packages = json.loads((PAGE / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = json.loads((PAGE / "package.json").read_text("utf-8"))["dependencies"]
    runtimes = {name: package for name, package in packages.items() if name}
    assert all(package["integrity"] for package in runtimes.values())
    for name, version in wanted.items():
        assert runtimes[f"node_modules/{name}"]["version"] == version
