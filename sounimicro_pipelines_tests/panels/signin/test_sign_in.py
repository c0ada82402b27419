"""Signing in with the CRM account: the way there and back, the code for the frame, and what remains of it."""

from __future__ import annotations

from sounimicro_pipelines_tests.panels.signed_world import SELLER, SignedWorld


def test_a_seller_signs_in_and_sees_the_figures_of_a_company_they_can_read(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    page = browser.get(signed.panel(role="customer", company="demo"))
    assert page.status_code == 200
    assert "ABB Installasjon AS" in page.text
    assert "30411" in page.text
