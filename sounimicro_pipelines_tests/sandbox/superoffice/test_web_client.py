from __future__ import annotations

import html

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant


def _page(tenant: Tenant, query: str) -> str:
    answer = tenant.http.get(f"{tenant.base.removesuffix('/api/v1')}/default.aspx?{query}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def _panel(tenant: Tenant, url: str, visible_in: str, encoding: str = "Unicode") -> None:
    panel = {"Name": "Unimicro", "Url": url, "VisibleIn": visible_in, "UrlEncoding": encoding, "WindowName": "unimicro"}
    assert tenant.call("POST", "List/WebPanel/Items", json=panel).status_code == 200


def test_a_company_page_frames_its_panels_with_the_variables_filled_in(tenant: Tenant) -> None:
    _panel(tenant, "https://p.example/panel?id=<cuid>&name=<name>&user=<usid>&t=<usec>&x=<none>", "ContactCard")
    _panel(tenant, "https://p.example/person?id=<atid>", "PersonCard")
    page = _page(tenant, "contact.main?contact_id=1001")
    assert 'src="https://p.example/panel?id=1001&name=ABB%20Installasjon%20AS&user=11&t=&x=<none>"' in page
    assert 'name="unimicro"' in page
    assert "p.example/person" not in page


def test_persons_and_projects_have_pages_of_their_own(tenant: Tenant) -> None:
    _panel(tenant, "https://p.example/person?id=<atid>&company=<cuid>", "PersonCard")
    _panel(tenant, "https://p.example/project?id=<prid>&number=<pnum>", "ProjectCard")
    company = tenant.get("Person/1001")["Contact"]["ContactId"]
    assert f"https://p.example/person?id=1001&company={company}" in _page(tenant, "person.main?person_id=1001")
    project = min(tenant.state.db["project"].rows)
    assert f"https://p.example/project?id={project}&number=" in _page(tenant, f"project.main?project_id={project}")


def test_the_start_page_lists_companies_and_old_hosts_are_misdirected(tenant: Tenant) -> None:
    assert "ABB Installasjon AS" in _page(tenant, "")
    tenant.state.move_tenant()
    answer = tenant.http.get(f"{tenant.base.removesuffix('/api/v1')}/default.aspx")
    assert answer.status_code == 421
