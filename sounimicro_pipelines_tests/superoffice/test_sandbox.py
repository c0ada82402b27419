"""The client against the simulated CRM, which was written from the same reference by other hands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.sandbox import Fault, FaultPlan, Sandbox
from sounimicro_pipelines.sandbox.superoffice import CrmOptions, CrmState
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.superoffice import (
    Device,
    FieldRegistry,
    FilterIgnored,
    SuperOfficeBulkReader,
    SuperOfficeClient,
    TenantNotRunning,
    Where,
    archive_column,
    entity_specs,
    new_entity,
    raw_column,
)
from sounimicro_pipelines.transport import AuthenticationFailed, PreconditionFailed, VendorError

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
Work = Callable[[SuperOfficeClient], Awaitable[Any]]


class World:
    """A sandbox with a clock of its own."""

    def __init__(self, options: CrmOptions | None = None) -> None:
        self.clock = ManualClock(NOW)
        self.faults = FaultPlan(slow_seconds=0.05, retry_after=0.05)
        self.sandbox = Sandbox(
            parties=25, companies=1, today=TODAY, clock=self.clock, faults=self.faults, crm_options=options
        )

    @property
    def crm(self) -> CrmState:
        return self.sandbox.crm

    def run(self, work: Work) -> Any:
        named = {name.lower(): value for name, value in self.sandbox.environment.items()}
        settings = Settings(_env_file=None, **named).require_superoffice()

        async def main() -> Any:
            async with SuperOfficeClient(settings, clock=self.clock) as client:
                return await work(client)

        return asyncio.run(main())


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    shared.clock.advance(86_400)
    yield shared
    shared.faults.clear()


async def listing(client: SuperOfficeClient, entity: str, since: datetime | None = None) -> dict[int, dict[str, Any]]:
    reader = SuperOfficeBulkReader(client)
    spec = next(spec for spec in reader.specs if spec.entity == entity)
    pages = reader.changed(spec, since) if since else reader.full(spec)
    records = [json.loads(row) async for page in pages for row in page.rows]
    found = {record[spec.key]: record for record in records}
    assert len(found) == len(records)
    return found


def test_every_register_is_read_whole(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        reader = SuperOfficeBulkReader(client)
        for spec in reader.specs:
            records = await listing(client, spec.entity)
            assert records, spec.entity
            named = {column.name for column in spec.columns}
            required = [column.name for column in spec.columns if column.required]
            for record in records.values():
                assert set(record) <= named
                assert all(record[name] is not None for name in required)
            if spec.entity in ("contact", "person", "project"):
                assert len(records) == len(world.crm.db[spec.entity].rows)

    world.run(work)


def test_a_field_says_the_same_in_the_archive_and_on_the_entity(world: World) -> None:
    registry = FieldRegistry()

    async def work(client: SuperOfficeClient) -> int:
        compared = 0
        for entity in registry.entities:
            records = await listing(client, entity)
            for key in sorted(records)[:12]:
                data = (await client.read(entity, key)).data
                for info in registry.fields(entity):
                    column = archive_column(entity, info.path)
                    if column is None:
                        continue
                    assert raw_column(entity, info.path) in {
                        c.raw_name for spec in entity_specs() for c in spec.columns if spec.entity == entity
                    }
                    held, read = records[key][column], registry.read(entity, data, info.path)
                    if isinstance(read, datetime):
                        read = read.strftime("%Y-%m-%dT%H:%M:%SZ")
                    elif isinstance(read, date):
                        read = read.isoformat()
                    assert (held or None) == (read or None), (entity, info.path)
                    compared += 1
        return compared

    assert world.run(work) > 500


def test_the_owners_own_company_is_known(world: World) -> None:
    async def work(client: SuperOfficeClient) -> list[bool]:
        return [await client.is_owner_contact(key) for key in (1, 1001)]

    assert world.run(work) == [True, False]


def test_a_persons_edits_are_found_by_the_next_look(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        since = client.clock.now()
        world.clock.advance(60)
        first, second, third = sorted(await listing(client, "contact"))[5:8]
        before = await client.read("contact", second)
        world.crm.edit("contact", first, {"Name": "Annet Navn AS"})
        world.crm.edit("contact", second, {"Phones": [{"Value": "+47 22 00 11 22", "Description": ""}]})
        world.crm.edit("contact", third, {"Address": {"Postal": {"Address1": "Postboks 123 Sentrum"}}})
        assert (await client.read("contact", second)).updated == before.updated
        found = await listing(client, "contact", since)
        assert {first, second, third} <= set(found)
        assert found[first]["name"] == "Annet Navn AS"
        assert found[third]["postAddress/line1"] == "Postboks 123 Sentrum"
        assert len(found) < 6
        changes = {change.id: change for change in await client.feeds.changed("contact", since)}
        assert set(changes) == {first}
        assert changes[first].by != (await client.principal()).associate_id

    world.run(work)


def test_a_change_arrives_and_a_persons_edit_in_between_is_kept(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        key = sorted(await listing(client, "contact"))[9]
        before = await client.read("contact", key)
        after = await client.change(
            before, {"Address.Postal.Address1": "Postboks 123 Sentrum", "Phones[first].Value": "+4722334455"}
        )
        assert client.fields.read("contact", after.data, "Address.Postal.Address1") == "Postboks 123 Sentrum"
        assert client.fields.read("contact", after.data, "Phones[first].Value") == "+4722334455"
        world.crm.interpose("PATCH", "^Contact/", lambda: world.crm.edit("contact", key, {"Name": "Personens AS"}))
        with pytest.raises(PreconditionFailed):
            await client.change(after, {"Name": "Vårt AS"})
        phones = [{"Value": "+47 99 99 99 99", "Description": ""}]
        now = await client.read("contact", key)
        world.crm.interpose("PATCH", "^Contact/", lambda: world.crm.edit("contact", key, {"Phones": phones}))
        with pytest.raises(PreconditionFailed):
            await client.change(now, {"Phones[first].Value": "+4711111111"})
        kept = await client.read("contact", key)
        assert kept.data["Name"] == "Personens AS"
        assert kept.data["Phones"][0]["Value"] == "+47 99 99 99 99"

    world.run(work)


def test_a_project_keeps_its_day_and_a_person_their_mobile(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        key = min(await listing(client, "project"))
        for day in (date(2026, 12, 31), date(2026, 7, 1), date(2027, 3, 28)):
            after = await client.change(await client.read("project", key), {"EndDate": day})
            assert client.fields.read("project", after.data, "EndDate") == day
            assert (await listing(client, "project"))[key]["endDate"] == day.isoformat()
        person = max(await listing(client, "person"))
        after = await client.change(await client.read("person", person), {"MobilePhones[first].Value": "+4790011222"})
        assert client.fields.read("person", after.data, "MobilePhones[first].Value") == "+4790011222"

    world.run(work)


def test_user_defined_fields_go_there_and_back(world: World) -> None:
    values: dict[str, Any] = {"int": 2, "bool": True, "date": date(2026, 5, 5), "text": "UM-1"}

    async def work(client: SuperOfficeClient) -> None:
        registry = await client.load_fields()
        entity = await client.read("contact", max(await listing(client, "contact")))
        fields = [f for f in registry.fields("contact") if f.custom and f.writable and f.kind in values]
        assert len(fields) >= 4
        for info in fields:
            entity = await client.change(entity, {info.path: values[info.kind]})
        for info in fields:
            assert registry.read("contact", entity.data, info.path) == values[info.kind]
        body = new_entity(
            registry,
            "contact",
            await client.default("contact"),
            {"Name": "Feltfirma AS", **{info.path: values[info.kind] for info in fields}},
        )
        created = await client.create("contact", body)
        for info in fields:
            assert registry.read("contact", created.data, info.path) == values[info.kind]

    world.run(work)


def test_what_we_create_is_found_by_number_marker_and_author(world: World) -> None:
    device = Device("Unimicro", "4b5e1c2a-0000-4000-8000-000000000001", "v1")

    async def work(client: SuperOfficeClient) -> None:
        since = client.clock.now()
        world.clock.advance(5)
        default = await client.default("contact")
        body = new_entity(client.fields, "contact", default, {"Name": "Ny Bedrift AS", "OrgNr": "914123456"})
        assert await client.validate("contact", body) == {}
        created = await client.create("contact", body)
        found = await client.created_since("contact", since, Where("orgnr", "is", "914123456"))
        assert [entity.id for entity in found] == [created.id]
        marks = client.foreign_keys
        assert await marks.put(device, "customer", "contact", created.id, "79")
        assert not await marks.put(device, "customer", "contact", created.id, "79")
        reverse = await marks.find(device, "customer", "contact", "79")
        assert reverse is not None
        assert reverse.record_id == created.id
        read = await client.read("contact", created.id, foreign_keys=True)
        assert read.foreign_keys("Unimicro") == {(device.device, "customer"): "79"}
        assert read.updated == created.updated
        every = await marks.all_of(device, "contact")
        assert every is not None
        assert [key.value for key in every] == ["79"]
        await marks.remove(device, "customer", "contact", created.id)
        assert await marks.get(device, "customer", "contact", created.id) is None
        world.crm.delete("contact", created.id)
        assert await client.find("contact", created.id) is None
        assert created.id in (await client.feeds.deleted("contact", since) or [])

    world.run(work)
    requests = world.sandbox.journal.requests("crm")
    assert not [r for r in requests if r.method in ("PUT", "DELETE") and "/Key" not in r.path]


def test_a_merge_is_told(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        since = client.clock.now() - timedelta(minutes=10)
        source, destination = sorted(await listing(client, "contact"))[-3:-1]
        world.crm.merge("contact", source, destination)
        merges = await client.feeds.merged(since)
        assert merges is not None
        assert ("contact", source, destination) in [(m.entity, m.source, m.destination) for m in merges]

    world.run(work)


def test_a_tenant_that_moves_and_tickets_that_end_do_not_stop_a_reading(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        before = await listing(client, "person")
        world.crm.move_tenant()
        assert await listing(client, "person") == before
        world.crm.expire_credentials()
        assert await listing(client, "person") == before
        assert client.user.sign_ins == 2

    world.run(work)


def test_maintenance_is_one_clear_error(world: World) -> None:
    world.crm.set_tenant_state("OfflineMaintenance")
    try:
        with pytest.raises(TenantNotRunning, match="OfflineMaintenance"):
            world.run(lambda client: listing(client, "project"))
    finally:
        world.crm.set_tenant_state("Running")


@pytest.mark.parametrize(
    "kind", ["throttled", "server_error", "html_error", "html_ok", "truncated", "cut_off", "lost_before", "unavailable"]
)
def test_a_passing_fault_does_not_change_what_is_read(world: World, kind: Any) -> None:
    expected = world.run(lambda client: listing(client, "contact"))
    world.faults.script(*(Fault(kind, "crm", match, times=2) for match in ("api/state", "Authenticate", "/Contact")))
    assert world.run(lambda client: listing(client, "contact")) == expected
    assert len(world.faults.played) >= 3


def test_refused_credentials_in_mid_run_are_renewed_once(world: World) -> None:
    world.faults.script(Fault("unauthorized", "crm", "/Contact", times=1, skip=1))
    assert world.run(lambda client: listing(client, "contact"))
    world.faults.script(Fault("unauthorized", "crm", "/Contact", times=2, skip=1))
    with pytest.raises(AuthenticationFailed):
        world.run(lambda client: listing(client, "contact"))


def test_a_create_whose_answer_was_lost_is_not_repeated_but_found(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        since = client.clock.now()
        world.clock.advance(5)
        body = new_entity(
            client.fields, "contact", await client.default("contact"), {"Name": "Tapt AS", "OrgNr": "987654325"}
        )
        world.faults.script(Fault("lost_after", "crm", r"POST .*/Contact(\?|$)"))
        with pytest.raises(VendorError) as caught:
            await client.create("contact", body)
        assert caught.value.effect_unknown
        found = await client.created_since("contact", since, Where("orgnr", "is", "987654325"))
        assert len(found) == 1

    world.run(work)


OPTIONS = {
    "base zone": CrmOptions(archive_time="base", numeric_primary_key=True, state_api_form="missing"),
    "header zone": CrmOptions(archive_time="header", state_api_form="api/v1", deleted_in_archives="always"),
    "short pages": CrmOptions(short_page_rows=7, deleted_read="200", format_phones=True),
    "bare": CrmOptions(dynamic_archive=False, rights_in_carriers=False, links_in_carriers=False),
    "localized": CrmOptions(localized_address_wins="present", child_edits_touch_root=True),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_documented_manner_of_a_tenant_is_understood(name: str) -> None:
    world = World(OPTIONS[name])

    async def work(client: SuperOfficeClient) -> None:
        contacts = await listing(client, "contact")
        assert len(contacts) == len(world.crm.db["contact"].rows)
        assert all(record["category"] for record in contacts.values())
        assert await listing(client, "project_member")
        since = client.clock.now()
        world.clock.advance(3)
        edited, gone = sorted(contacts)[4:6]
        world.crm.edit("contact", edited, {"Name": "Endret AS"})
        found = await listing(client, "contact", since)
        assert found[edited]["name"] == "Endret AS"
        assert len(found) < 10
        before = await client.read("contact", edited)
        changed = {"Address.Postal.Address1": "Postboks 123 Sentrum", "Phones[first].Value": "+4722334455"}
        after = await client.change(before, changed)
        assert client.fields.read("contact", after.data, "Address.Postal.Address1") == "Postboks 123 Sentrum"
        world.crm.delete("contact", gone)
        assert await client.find("contact", gone) is None
        living = {key for key, record in (await listing(client, "contact")).items() if not record["Deleted"]}
        assert living == set(contacts) - {gone}

    with world.sandbox:
        world.run(work)


def test_an_ignored_filter_never_passes_for_an_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from sounimicro_pipelines.superoffice.query import Query

    original = Query.params

    def without_filter(self: Query) -> dict[str, str]:
        return {**original(self), "$filter": "getAllRows set true"}

    monkeypatch.setattr(Query, "params", without_filter)
    with pytest.raises(FilterIgnored):
        world.run(lambda client: client.search("contact", Where("orgnr", "is", "000000000")))
