"""A form that is sent after the session has ended is handed back with the sign-in page, and can be sent again."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from sounimicro_pipelines.store import rule_versions
from sounimicro_pipelines_tests.panels.admin.forms import Form
from sounimicro_pipelines_tests.panels.signed_world import ADMINISTRATOR, SignedWorld

RULE = "/admin/rules/customer"


def told(page: str) -> list[tuple[str, str]]:
    found = re.findall(r'<textarea name="([^"]*)" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    return [(unescape(name), unescape(value)) for name, value in found]


def filled(page: str) -> dict[str, Any]:
    form = Form(page)
    form.set(f"{form.row('WebUrl')}.direction", "to_crm")
    return {**form.data("save"), "note": "\n<b>A & B</b>\r\n"}


def test_a_long_form_survives_the_end_of_its_session(signed: SignedWorld) -> None:
    browser = signed.signed_in(ADMINISTRATOR)
    data = filled(browser.get(RULE).text)
    browser.http.cookies.clear()
    refused = browser.post(RULE, data=data)
    assert refused.status_code == 401
    assert "Det du skrev, er tatt vare på" in refused.text
    kept = told(refused.text)
    assert "csrf_token" not in dict(kept)
    assert dict(kept)["note"] == "\n<b>A & B</b>\r\n"
    other = signed.signed_in(ADMINISTRATOR)
    again: dict[str, list[str]] = {}
    for name, value in kept:
        again.setdefault(name, []).append(value)
    sent = {name: [value] if isinstance(value, str) else value for name, value in data.items()}
    sent.pop("csrf_token", None)
    assert again == sent
    assert other.post(RULE, data={**again, "csrf_token": [other.csrf]}).status_code == 303
    with signed.store.read() as tx:
        assert rule_versions.current(tx, "customer") is not None


def test_a_form_that_could_carry_a_file_is_kept_when_it_carries_none(signed: SignedWorld) -> None:
    parts = {'name="document"': "rule: customer\n", 'name="file"; filename=""': "", 'name="act"': "save"}
    body = "".join(f"--x\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n" for name, text in parts.items())
    headers = {"Origin": signed.url, "Content-Type": "multipart/form-data; boundary=x"}
    refused = signed.browser().post(f"{RULE}/yaml", content=f"{body}--x--\r\n".encode(), headers=headers)
    assert refused.status_code == 401
    assert told(refused.text) == [("document", "rule: customer\n"), ("act", "save")]


def test_a_form_of_an_earlier_sign_in_is_handed_back_to_who_is_signed_in_now(signed: SignedWorld) -> None:
    browser = signed.signed_in(ADMINISTRATOR)
    data = {**filled(browser.get(RULE).text), "csrf_token": "of another sign-in"}
    refused = browser.post(RULE, data=data)
    assert refused.status_code == 403
    assert "ikke sendt ennå" in refused.text
    assert dict(told(refused.text))["note"] == data["note"]
    assert f'name="csrf_token" value="{browser.csrf}"' in refused.text
    silent = browser.post(RULE, data=data, headers={"Origin": None})
    assert (silent.status_code, told(silent.text)) == (403, []), "who does not say where it comes from is not believed"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": ""}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_no_other_site_lays_words_into_anybodys_mouth(signed: SignedWorld, headers: dict[str, str]) -> None:
    browser = signed.browser()
    refused = browser.post(RULE, data={"name": "laid in"}, headers={"Origin": signed.url, **headers})
    assert refused.status_code == 401
    assert "laid in" not in refused.text


def test_files_and_what_nobody_types_are_not_kept(signed: SignedWorld) -> None:
    browser = signed.browser()
    own = {"Origin": signed.url}
    large = browser.post(RULE, data={"name": "x" * 600_000}, headers=own)
    many = browser.post(
        RULE, content="a=1&" * 6000 + "b=2", headers={**own, "Content-Type": "application/x-www-form-urlencoded"}
    )
    file = browser.post("/admin/budget", data={"company": "kept-not"}, files={"file": ("x.csv", b"1")}, headers=own)
    for answer in (large, many, file):
        assert answer.status_code == 401
        assert told(answer.text) == []
    assert signed.browser().post("/api/v1/requests/create", json={"a": "kept-not"}, headers=own).status_code == 401
