from __future__ import annotations

import threading

from sounimicro_pipelines.sandbox.superoffice import CrmOptions, CrmState, seed
from sounimicro_pipelines.sandbox.world import build_register
from sounimicro_pipelines_tests.sandbox.superoffice.conftest import START, Tenant


def test_the_same_register_gives_the_same_data(tenant: Tenant) -> None:
    other = CrmState(CrmOptions(), tenant.state.application, tenant.state.identity, clock=tenant.clock)
    seed.fill(other, tenant.register)
    assert {name: table.rows for name, table in other.db.tables.items()} == {
        name: table.rows for name, table in tenant.state.db.tables.items()
    }


def test_the_stories_of_the_register_are_in_the_data(tenant: Tenant) -> None:
    assert tenant.state.read("contact", seed.contact_id(tenant.register.party(1)))["Name"] == "ABB Installasjon AS"
    boxed = tenant.state.read("contact", seed.contact_id(tenant.register.party(2)))
    assert boxed["Address"]["Postal"]["Address1"] == "Postboks 123"
    assert tenant.state.db["contact"].get(seed.contact_id(tenant.register.party(6))) is None
    groups = {row["category_idx"] for row in tenant.state.db["contact"]}
    assert {1, 2, 3, 4} <= groups
    assert [row["name"] for row in tenant.state.db["associate"] if row["administrator"]][-1] == "SYSTEM"


def test_persons_without_company_and_retired_ones_are_among_the_data(tenant: Tenant) -> None:
    persons = list(tenant.state.db["person"])
    assert any(row["contact_id"] == 0 for row in persons)
    assert any(row["retired"] for row in persons)


def test_a_large_tenant_is_filled_and_listed_quickly(tenant: Tenant) -> None:
    state = CrmState(CrmOptions(), tenant.state.application, tenant.state.identity, clock=tenant.clock)
    seed.fill(state, build_register(seed=2, parties=2000, today=START.date()))
    assert len(state.db["contact"]) > 1500


def test_people_edit_create_and_delete_as_themselves(tenant: Tenant) -> None:
    tenant.state.edit("contact", 1001, {"Description": "fra en person"}, associate=13)
    company = tenant.get("Contact/1001")
    assert company["UpdatedBy"]["AssociateId"] == 13
    assert company["UpdatedDate"] == "2026-11-20T09:00:00Z"
    made = tenant.state.create("contact", {"Name": "Ny AS", "Category": {"Id": 2}}, associate=12)
    assert tenant.get(f"Contact/{made}")["Category"]["CategoryGroup"] == "PotentialCustomer"
    tenant.state.erase("contact", made)
    assert tenant.call("GET", f"Contact/{made}").status_code == 404


def test_every_write_is_journalled_with_what_it_changed_and_by_whom(tenant: Tenant) -> None:
    journal = tenant.state.journal
    mark = journal.mark()
    tenant.patch("Contact/1001", {"Name": "ABB Nytt", "Phones": [{"Value": "1234"}]})
    tenant.state.edit("contact", 1002, {"Name": "x"})
    tenant.patch("Contact/1001", [{"op": "test", "path": "/Name", "value": "no"}], 409)
    tenant.call("DELETE", "Contact/1003")
    first, second = journal.writes("crm", since=mark)
    assert (first.action, first.entity, first.id) == ("update", "contact", 1001)
    assert first.before == {"Name": "ABB Installasjon AS", "Phones.0.Value": first.before["Phones.0.Value"]}
    assert first.after == {"Name": "ABB Nytt", "Phones.0.Value": "1234"}
    assert (second.action, second.id, second.before["ContactId"]) == ("delete", 1003, 1003)
    (person,) = journal.writes("crm", actor="person", since=mark)
    assert person.after == {"Name": "x"}
    (refused,) = journal.refused(since=mark)
    assert refused.status == 409


def test_a_restored_backup_rewinds_data_and_numbers(tenant: Tenant) -> None:
    backup = tenant.state.backup()
    made = tenant.state.create("contact", {"Name": "Etter sikkerhetskopien"})
    tenant.state.edit("contact", 1001, {"Name": "Etterpå"})
    tenant.state.restore(backup)
    assert tenant.call("GET", f"Contact/{made}").status_code == 404
    assert tenant.get("Contact/1001")["Name"] == "ABB Installasjon AS"
    assert tenant.state.create("contact", {"Name": "Ny"}) == made


def test_a_person_can_edit_between_a_clients_read_and_write(tenant: Tenant) -> None:
    seen = tenant.call("GET", "Contact/1001")
    tenant.clock.advance(5)
    tenant.state.interpose("PATCH", "Contact/1001", lambda: tenant.state.edit("contact", 1001, {"Name": "imens"}))
    guard = {"If-Unmodified-Since": seen.headers["last-modified"]}
    tenant.patch("Contact/1001", {"Name": "min"}, 412, guard)
    assert tenant.get("Contact/1001")["Name"] == "imens"
    tenant.patch("Contact/1001", {"Name": "min"})


def test_expired_credentials_are_refused_until_renewed(tenant: Tenant) -> None:
    tenant.state.expire_credentials()
    assert tenant.call("GET", "Contact/1001").status_code == 401
    tenant.sign_in()
    assert tenant.call("GET", "Contact/1001").status_code == 200


def test_people_and_clients_may_write_at_the_same_time(tenant: Tenant) -> None:
    def edits() -> None:
        for number in range(40):
            tenant.state.edit("contact", 1001, {"Description": f"{number}"})

    worker = threading.Thread(target=edits)
    worker.start()
    for number in range(20):
        tenant.patch("Contact/1001", {"Department": f"avd. {number}"})
    worker.join()
    assert tenant.get("Contact/1001")["Description"] == "39"
    assert tenant.state.db["contact"].rows[1001]["updatedCount"] == 60
