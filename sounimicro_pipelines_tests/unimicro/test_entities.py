from __future__ import annotations

import pytest

from sounimicro_pipelines.unimicro.entities import SPECS, spec_of, table_name
from sounimicro_pipelines.unimicro.model import UnknownName, entity, resolve
from sounimicro_pipelines.unimicro.model_tables import ENTITIES


def test_every_relation_leads_to_a_known_entity() -> None:
    for one in ENTITIES.values():
        for relation in one.relations.values():
            assert entity(relation.entity).name == relation.entity


def test_parents_stand_before_children() -> None:
    order = [spec.entity for spec in SPECS]
    for parent, child in [
        ("BusinessRelation", "Customer"),
        ("Customer", "CustomerInvoice"),
        ("JournalEntry", "JournalEntryLine"),
        ("Budget", "BudgetEntry"),
    ]:
        assert order.index(parent) < order.index(child)


def test_tables_are_named_once_and_in_snake_case() -> None:
    tables = [spec.table for spec in SPECS] + [child.table for spec in SPECS for child in spec.children]
    assert len(tables) == len(set(tables))
    assert table_name("CustomerInvoiceItem") == "customer_invoice_item"
    assert {"post_post", "file_entity_link", "dimensions", "company_settings", "vat_type_percentage"} <= set(tables)


def test_a_select_is_only_sent_where_nothing_is_expanded() -> None:
    for spec in SPECS:
        assert not (spec.select and spec.expand), spec.entity


def test_every_table_keeps_its_key_stamps_and_deletion() -> None:
    for spec in SPECS:
        assert {"ID", "CreatedAt", "UpdatedAt", "Deleted"} <= {column.name for column in spec.columns}
        for child in spec.children:
            assert child.parent_column in {column.name for column in child.columns}


def test_the_national_identity_number_is_never_read() -> None:
    for one in ENTITIES.values():
        assert not {"SocialSecurityNumber", "OCRData"} & set(one.fields)


def test_personal_fields_are_marked() -> None:
    for path in ("Info.Name", "Info.DefaultPhone.Number", "Info.DefaultEmail.EmailAddress", "Info.InvoiceAddress.City"):
        assert resolve("Customer", path).field.personal


def test_an_order_line_keeps_the_vendors_spelling() -> None:
    assert "OrderItemId" in {column.name for column in spec_of("CustomerInvoice").children[0].columns}


def test_an_unknown_field_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"Customer has no field «CustomerNo» .*Did you mean CustomerNumber"):
        resolve("Customer", "CustomerNo")
    with pytest.raises(UnknownName, match="Did you mean DefaultSeller"):
        resolve("Customer", "DefaultSellr.Name")
    with pytest.raises(UnknownName, match="is a relation"):
        resolve("Customer", "Info")
    with pytest.raises(UnknownName, match="no entity"):
        resolve("Custmer", "ID")
