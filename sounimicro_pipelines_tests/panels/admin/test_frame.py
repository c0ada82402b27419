"""The frame of the administration: for administrators, in both languages, with every page in its navigation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import admin, create_app
from sounimicro_pipelines.store import open_store
from sounimicro_pipelines_tests.panels import world


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('frame') / 'store.db'}")
    yield create_app(world.settings(), store, clock=world.clock())
    store.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1")


def test_administration_begins_with_its_first_page(client: TestClient) -> None:
    answer = client.get("/admin?lang=en", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{admin.PAGES[0].path}?lang=en")


@pytest.mark.parametrize("language", ["nb", "en"])
def test_every_page_shows_the_whole_navigation_with_itself_as_current(client: TestClient, language: str) -> None:
    for page in admin.PAGES:
        answer = client.get(f"{page.path}?lang={language}")
        assert answer.status_code == 200, page.path
        assert f'<html lang="{language}">' in answer.text
        for other in admin.PAGES:
            current = ' aria-current="page"' if other is page else ""
            assert f'<a href="{other.path}?lang={language}"{current}>' in answer.text
        assert "no-store" in answer.headers["cache-control"]


def test_the_language_can_be_switched_where_one_is(client: TestClient) -> None:
    page = client.get("/admin/rules", headers={"accept-language": "nb"}).text
    assert 'href="/admin/rules?lang=en"' in page
    assert 'href="/admin/rules?lang=nb"' in client.get("/admin/rules?lang=en&done=nothing").text
