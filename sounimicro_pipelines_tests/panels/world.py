"""A small published world for the panels' tests: one company's marts, published by the real publisher."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store, companies, links
from sounimicro_pipelines.warehouse.publish import TieOut, publish

TODAY = date(2026, 11, 23)
FETCHED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"

MARTS = """
CREATE SCHEMA reports;
CREATE TABLE reports.party AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, '10079', 'ABB Installasjon AS', '987654325', 21500.00::DECIMAL(19,2),
   24000.00::DECIMAL(19,2),
   13750.50::DECIMAL(19,2), -2500.00::DECIMAL(19,2), 10249.50::DECIMAL(19,2), 3750.50::DECIMAL(19,2),
   0.00::DECIMAL(19,2), 0.00::DECIMAL(19,2), 10000.00::DECIMAL(19,2), DATE '2026-07-01', 2, 30, 41.50::DECIMAL(19,2),
   11.50::DECIMAL(19,2), 12, DATE '2026-11-02', 245000.00::DECIMAL(19,2), 1198300.25::DECIMAL(19,2)),
  ('supplier', 12, '20012', 'ABB Installasjon AS', '987654325', 8000.00, 8000.00, 0.00, 0.00, 8000.00, 0, 0, 0, 0,
   DATE '2026-12-01', 0, 14, NULL, NULL, 0, NULL, 0.00, 0.00),
  ('customer', 80, '10080', 'Tomt & Greit AS', NULL, 0.00, 0.00, 0.00, 0.00, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL,
   0, NULL, 0.00, 0.00),
  ('customer', 81, '=1+1', '<script>alert(1)</script>', NULL, 10.00, 10.00, 10.00, 0.00, 0, 10.00, 0, 0, 0,
   DATE '2026-11-22', 1, NULL, NULL, NULL, 0, NULL, 0.00, 0.00)
) t(role, party_id, number, name, org_number, balance, open_amount, overdue_amount, unallocated_amount, not_due_amount,
    overdue_1_30_amount, overdue_31_60_amount, overdue_61_90_amount, overdue_over_90_amount, oldest_due_date,
    overdue_count, credit_days, actual_credit_days, average_days_late, paid_invoice_count, last_payment_date,
    invoiced_this_year, invoiced_last_year);
ALTER TABLE reports.party ADD COLUMN currency VARCHAR DEFAULT 'EUR';
ALTER TABLE reports.party ADD COLUMN company_currency VARCHAR DEFAULT 'NOK';
CREATE TABLE reports.open_item AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 1001::BIGINT, 501::BIGINT, '2026-88', '30411', 411::BIGINT, 'invoice', DATE '2026-06-01',
   DATE '2026-07-01', 'Faktura', 12000.00::DECIMAL(19,2), 10000.00::DECIMAL(19,2), 145, true, 'over_90', 'collection'),
  ('customer', 79, 1002, 502, '2026-91', '30502', 502, 'invoice', DATE '2026-10-22', DATE '2026-11-21', 'Faktura',
   3750.50, 3750.50, 2, true, '1_30', 'reminded'),
  ('customer', 79, 1003, 503, '2026-93', '30510', 510, 'invoice', DATE '2026-10-24', DATE '2026-11-23', 'Faktura',
   249.50, 249.50, 0, false, 'not_due', 'none'),
  ('customer', 79, 1004, 504, '2026-94', '30520', NULL, 'invoice', DATE '2026-11-20', DATE '2026-12-20', 'Manuell post',
   10000.00, 10000.00, -27, false, 'not_due', 'none'),
  ('customer', 79, 1005, 505, '2026-99', NULL, NULL, 'payment', DATE '2026-11-02', DATE '2026-11-02', 'Innbetaling',
   -2500.00, -2500.00, 21, false, 'unallocated', 'none'),
  ('supplier', 12, 1010, 510, '2026-97', 'L-77', NULL, 'invoice', DATE '2026-11-17', DATE '2026-12-01', 'Strøm',
   8000.00, 8000.00, -8, false, 'not_due', 'none'),
  ('customer', 81, 1020, 520, '2026-98', '=HYPERLINK("x")', NULL, 'invoice', DATE '2026-11-01', DATE '2026-11-22',
   '<img src=x onerror=alert(1)>', 10.00, 10.00, 1, true, '1_30', 'none')
) t(role, party_id, journal_entry_line_id, voucher_id, voucher_number, document_number, invoice_id, kind, invoice_date,
    due_date, text, original_amount, remaining_amount, days_overdue, is_overdue, bucket, collection_state);
CREATE TABLE reports.invoice AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 411::BIGINT, '30411', 'invoice', DATE '2026-06-01', DATE '2026-07-01',
   9600.00::DECIMAL(19,2), 2400.00::DECIMAL(19,2), 12000.00::DECIMAL(19,2), 10000.00::DECIMAL(19,2), 'partly_paid',
   'Kari Selger', '8812', 'REK-7', 501::BIGINT),
  ('customer', 79, 502, '30502', 'invoice', DATE '2026-10-22', DATE '2026-11-21', 3000.40, 750.10, 3750.50, 3750.50,
   'invoiced', 'Ola Selger', NULL, NULL, 502),
  ('customer', 79, 510, '30510', 'invoice', DATE '2026-10-24', DATE '2026-11-23', 199.60, 49.90, 249.50, 249.50,
   'invoiced', 'Kari Selger', NULL, NULL, 503),
  ('customer', 79, 400, '30400', 'credit_note', DATE '2025-12-30', DATE '2025-12-30', -800.00, -200.00, -1000.00, 0.00,
   'paid', 'Kari Selger', NULL, NULL, 499),
  ('customer', 80, 900, '30900', 'invoice', DATE '2026-01-05', DATE '2026-02-05', 80.00, 20.00, 100.00, 0.00, 'paid',
   NULL, NULL, NULL, 498)
) t(role, party_id, invoice_id, number, kind, invoice_date, due_date, net_amount, vat_amount, gross_amount,
    remaining_amount, status, seller, order_number, requisition, voucher_id);
ALTER TABLE reports.invoice ADD COLUMN reminder_count INTEGER;
ALTER TABLE reports.invoice ADD COLUMN reminded_date DATE;
UPDATE reports.invoice SET reminder_count = 2, reminded_date = DATE '2026-08-20' WHERE invoice_id = 411;
CREATE TABLE reports.invoice_line AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 411::BIGINT, 1::BIGINT, 7::BIGINT, 'P-7', 'Kabel 3x2,5', 100.000000::DECIMAL(19,6),
   76.000000::DECIMAL(19,6), 0.000000::DECIMAL(19,6), 7600.00::DECIMAL(19,2), 1900.00::DECIMAL(19,2),
   9500.00::DECIMAL(19,2), 'Kari Selger'),
  ('customer', 79, 411, 2, 8, 'P-8', 'Montering', 2.5, 800, 0, 2000.00, 500.00, 2500.00, 'Ola Selger'),
  ('customer', 79, 502, 3, 7, 'P-7', 'Kabel 3x2,5', 39.48, 76, 0, 3000.40, 750.10, 3750.50, 'Ola Selger'),
  ('customer', 79, 510, 4, 8, 'P-8', 'Montering', 0.2495, 800, 0, 199.60, 49.90, 249.50, 'Kari Selger'),
  ('customer', 79, 400, 5, 7, 'P-7', 'Kabel 3x2,5', -10.526316, 76, 0, -800.00, -200.00, -1000.00, 'Kari Selger')
) t(role, party_id, invoice_id, line_id, product_id, product_number, product_name, quantity, unit_price,
    discount_percent, net_amount, vat_amount, gross_amount, seller);
CREATE TABLE reports.statement_line AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 990::BIGINT, 499::BIGINT, DATE '2025-12-30', DATE '2025-12-30', '2025-77', '30400',
   400::BIGINT, 'credit_note', 'Kreditnota', -1000.00::DECIMAL(19,2), 0.00::DECIMAL(19,2)),
  ('customer', 79, 991, 500, DATE '2025-12-31', NULL, '2025-78', NULL, NULL, 'payment', 'Tilbakebetaling', 1000.00,
   0.00),
  ('customer', 79, 1001, 501, DATE '2026-06-01', DATE '2026-07-01', '2026-88', '30411', 411, 'invoice', 'Faktura',
   12000.00, 10000.00),
  ('customer', 79, 1000, 506, DATE '2026-08-15', NULL, '2026-90', NULL, NULL, 'payment', 'Innbetaling', -2000.00, 0.00),
  ('customer', 79, 1002, 502, DATE '2026-10-22', DATE '2026-11-21', '2026-91', '30502', 502, 'invoice', 'Faktura',
   3750.50, 3750.50),
  ('customer', 79, 1003, 503, DATE '2026-10-24', DATE '2026-11-23', '2026-93', '30510', 510, 'invoice', 'Faktura',
   249.50, 249.50),
  ('customer', 79, 1005, 505, DATE '2026-11-02', NULL, '2026-99', NULL, NULL, 'payment', 'Innbetaling', -2500.00,
   -2500.00),
  ('customer', 79, 1004, 504, DATE '2026-11-20', DATE '2026-12-20', '2026-94', '30520', NULL, 'invoice', 'Manuell post',
   10000.00, 10000.00)
) t(role, party_id, journal_entry_line_id, voucher_id, financial_date, due_date, voucher_number, document_number,
    invoice_id, kind, text, amount, remaining_amount);
CREATE TABLE reports.matching AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 1::BIGINT, 1001::BIGINT, 1000::BIGINT, DATE '2026-08-15', 2000.00::DECIMAL(19,2)),
  ('customer', 79, 1, 1000, 1001, DATE '2026-08-15', -2000.00)
) t(role, party_id, matching_id, journal_entry_line_id, counter_line_id, date, amount);
CREATE TABLE reports.voucher_line AS SELECT * FROM (VALUES
  (1001::BIGINT, 501::BIGINT, '2026-88', DATE '2026-06-01', '1500', 'Kundefordringer', 'ABB Installasjon AS',
   'customer', 79::BIGINT, 12000.00::DECIMAL(19,2), 'Faktura'),
  (1101, 501, '2026-88', DATE '2026-06-01', '3000', 'Salgsinntekt', NULL, NULL, NULL, -9600.00, 'Faktura'),
  (1102, 501, '2026-88', DATE '2026-06-01', '2701', 'Utgående mva', NULL, NULL, NULL, -2400.00, 'Faktura'),
  (1103, 777, '2026-10', DATE '2026-06-01', '5000', 'Lønn', NULL, NULL, NULL, 0.00, 'Hemmelig')
) t(journal_entry_line_id, voucher_id, voucher_number, financial_date, account_number, account_name, party, party_role,
    party_id, amount, text);
ALTER TABLE reports.voucher_line ADD COLUMN project_id BIGINT;
INSERT INTO reports.voucher_line VALUES
  (1104, 601, '2026-20', DATE '2026-03-01', '3000', 'Salgsinntekt', NULL, NULL, NULL, -5000.00, 'Prosjekt', 31),
  (1105, 601, '2026-20', DATE '2026-03-01', '1920', 'Bank', NULL, NULL, NULL, 5000.00, 'Prosjekt', NULL);
CREATE TABLE reports.turnover_month AS SELECT role, party_id, year(invoice_date)::INTEGER AS year,
  month(invoice_date)::INTEGER AS month, sum(net_amount)::DECIMAL(19,2) AS net_amount FROM reports.invoice GROUP BY ALL;
CREATE TABLE reports.turnover_product AS SELECT line.role, line.party_id, product_id, product_number,
  any_value(product_name) AS product_name, 'product' AS kind, year(invoice_date)::INTEGER AS year,
  sum(quantity)::DECIMAL(19,6) AS quantity, sum(line.net_amount)::DECIMAL(19,2) AS net_amount,
  count(DISTINCT invoice_id) AS invoice_count
  FROM reports.invoice_line AS line JOIN reports.invoice USING (invoice_id) GROUP BY ALL;
INSERT INTO reports.turnover_product VALUES ('customer', 79, NULL, NULL, NULL, 'rounding', 2026, 0, -0.40, 1);
CREATE TABLE reports.turnover_seller AS SELECT role, party_id, hash(seller) % 1000 AS seller_id, seller,
  year(invoice_date)::INTEGER AS year, sum(net_amount)::DECIMAL(19,2) AS net_amount, count(*) AS invoice_count
  FROM reports.invoice GROUP BY ALL;
CREATE TABLE reports.sales_document AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 'order', 55::BIGINT, '8812', DATE '2026-05-01', DATE '2026-05-20',
   'partly_transferred_to_invoice', 'REK-7', 'Kari Selger', 10000.00::DECIMAL(19,2), 12500.00::DECIMAL(19,2),
   2500.00::DECIMAL(19,2), 0.750000::DECIMAL(19,6)),
  ('customer', 79, 'order', 56, '8813', DATE '2026-04-01', NULL, 'completed', NULL, NULL, 400.00, 500.00, 0.00, 1),
  ('customer', 79, 'quote', 55, '4401', DATE '2026-06-01', NULL, 'registered', 'REK-9', 'Ola Selger', 7000.00, 8750.00,
   NULL, NULL),
  ('customer', 80, 'order', 57, '8814', DATE '2026-04-02', NULL, 'registered', NULL, NULL, 1.00, 1.25, 1.00, 0)
) t(role, party_id, document_type, document_id, number, order_date, delivery_date, status, requisition, seller,
    net_amount, gross_amount, remaining_net_amount, delivered_share);
ALTER TABLE reports.sales_document ADD COLUMN currency VARCHAR DEFAULT 'EUR';
ALTER TABLE reports.sales_document ADD COLUMN gross_amount_currency DECIMAL(19,2);
UPDATE reports.sales_document SET gross_amount_currency = 1094.10 WHERE document_type = 'order' AND document_id = 55;
CREATE TABLE reports.sales_line AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, 'order', 55::BIGINT, '8812', DATE '2026-05-01', 501::BIGINT, 7::BIGINT, 'P-7', 'Kabel 3x2,5',
   100.000000::DECIMAL(19,6), 100.000000::DECIMAL(19,6), 0.000000::DECIMAL(19,6), 7500.00::DECIMAL(19,2),
   0.00::DECIMAL(19,2)),
  ('customer', 79, 'order', 55, '8812', DATE '2026-05-01', 502, 8, 'P-8', 'Montering', 4, 0, 4, 2500.00, 2500.00),
  ('customer', 79, 'order', 56, '8813', DATE '2026-04-01', 503, 7, 'P-7', 'Kabel 3x2,5', 5, 5, 0, 400.00, 0.00),
  ('customer', 79, 'quote', 55, '4401', DATE '2026-06-01', 504, 8, 'P-8', 'Montering', 9, NULL, NULL, 7000.00, NULL)
) t(role, party_id, document_type, document_id, document_number, order_date, line_id, product_id, product_number,
    product_name, quantity, delivered_quantity, remaining_quantity, net_amount, remaining_net_amount);
CREATE TABLE reports.order_product AS SELECT role, party_id, document_type, product_id, product_number,
  any_value(product_name) AS product_name, count(DISTINCT document_id) AS document_count,
  sum(quantity)::DECIMAL(19,6) AS quantity, sum(delivered_quantity)::DECIMAL(19,6) AS delivered_quantity,
  sum(remaining_quantity)::DECIMAL(19,6) AS remaining_quantity, sum(net_amount)::DECIMAL(19,2) AS net_amount,
  sum(remaining_net_amount)::DECIMAL(19,2) AS remaining_net_amount FROM reports.sales_line GROUP BY ALL;
ALTER TABLE reports.sales_line ADD COLUMN over_delivered_quantity DECIMAL(19,6) DEFAULT 0;
UPDATE reports.sales_line SET delivered_quantity = 6, over_delivered_quantity = 1 WHERE line_id = 503;
CREATE TABLE reports.order_requisition AS SELECT role, party_id, document_type, requisition,
  count(*) AS document_count, max(order_date) AS last_order_date, sum(net_amount)::DECIMAL(19,2) AS net_amount,
  sum(remaining_net_amount)::DECIMAL(19,2) AS remaining_net_amount FROM reports.sales_document GROUP BY ALL;
CREATE TABLE reports.budget_actual AS SELECT * FROM (VALUES
  ('customer', 79::BIGINT, NULL::BIGINT, 2026, 6, 9000.00::DECIMAL(19,2), 9600.00::DECIMAL(19,2)),
  ('customer', 79, NULL, 2026, 10, 9000.00, 3200.00),
  ('customer', 79, NULL, 2025, 12, 0.00, -800.00),
  ('customer', 80, NULL, 2026, 1, 5.00, 80.00),
  ('project', 79, 3000, 2026, 1, 5.00, 80.00)
) t(scope, scope_id, account_id, year, period, budget_amount, actual_amount);
CREATE TABLE reports.project AS SELECT * FROM (VALUES
  (31::BIGINT, 'P31', 'Nytt lager', 'in_progress', 79::BIGINT, DATE '2026-01-01', DATE '2026-12-31',
   5000.00::DECIMAL(19,2), 1200.00::DECIMAL(19,2), 3800.00::DECIMAL(19,2), 4000.00::DECIMAL(19,2),
   2500.00::DECIMAL(19,2), 9600.00::DECIMAL(19,2)),
  (32, 'P32', 'En annens', 'registered', 80, NULL, NULL, 0, 0, 0, 0, 0, 0)
) t(project_id, number, name, status, party_id, start_date, end_date, income, cost, margin, budget, order_reserve,
    invoiced);
CREATE TABLE reports.project_line AS SELECT * FROM (VALUES
  (31::BIGINT, 1104::BIGINT, DATE '2026-03-01', '3000', 'Salgsinntekt', 601::BIGINT, '2026-20', 'Prosjekt', 'income',
   5000.00::DECIMAL(19,2)),
  (31, 1106, DATE '2026-03-02', '4300', 'Varekjøp', 602, '2026-21', 'Kabel', 'cost', 1000.00),
  (31, 1107, DATE '2026-03-03', '4300', 'Varekjøp', 603, '2026-22', 'Kabel', 'cost', 200.00)
) t(project_id, journal_entry_line_id, financial_date, account_number, account_name, voucher_id, voucher_number, text,
    kind, amount);
"""

META = {
    "party": (["role", "party_id"], [["org_number"]]),
    "open_item": (["role", "party_id"], []),
    "invoice": (["role", "party_id"], []),
    "invoice_line": (["role", "party_id"], []),
    "statement_line": (["role", "party_id"], []),
    "matching": (["role", "party_id"], []),
    "voucher_line": (["voucher_id"], []),
    "turnover_month": (["role", "party_id", "year", "month"], []),
    "turnover_product": (["role", "party_id", "product_id", "kind", "year"], []),
    "turnover_seller": (["role", "party_id", "seller_id", "year"], []),
    "sales_document": (["role", "party_id", "document_type", "document_id"], []),
    "sales_line": (["role", "party_id", "document_type", "document_id", "line_id"], []),
    "order_product": (["role", "party_id", "document_type", "product_id"], []),
    "order_requisition": (["role", "party_id", "document_type", "requisition"], []),
    "budget_actual": (["scope", "scope_id", "account_id", "year", "period"], []),
    "project": (["project_id"], [["party_id"]]),
    "project_line": (["voucher_id", "journal_entry_line_id"], [["project_id", "financial_date"]]),
}


def publish_world(
    folder: Path,
    store: Store,
    *,
    tables: tuple[str, ...] | None = None,
    tie_out: TieOut | None = None,
    checks: Sequence[tuple[Any, ...]] = (),
    periods: Sequence[tuple[int, int, date, date]] = (),
    changed_by: str = "",
) -> None:
    """Publish the marts for company `demo`, and link CRM company 1041 with both ABBs.

    `checks` are rows of `tie_out`, `periods` of `accounting_period`; without any there is no such table. `changed_by`
    is SQL that changes the marts before they are published.
    """
    path = folder / "demo.duckdb"
    meta = {name: meta for name, meta in META.items() if tables is None or name in tables}
    with duckdb.connect(str(path)) as db:
        db.execute(MARTS)
        if changed_by:
            db.execute(changed_by)
        if checks:
            db.execute(
                "CREATE TABLE reports.tie_out (check_name VARCHAR, ok BOOLEAN, offence_count BIGINT,"
                " offending_keys VARCHAR, finding VARCHAR)"
            )
            db.executemany("INSERT INTO reports.tie_out VALUES (?, ?, ?, ?, ?)", checks)
            meta["tie_out"] = (["check_name"], [])
        if periods:
            db.execute(
                "CREATE TABLE reports.accounting_period (year INTEGER, period INTEGER, start_date DATE, end_date DATE)"
            )
            db.executemany("INSERT INTO reports.accounting_period VALUES (?, ?, ?, ?)", periods)
            meta["accounting_period"] = (["year", "period"], [])
    publish(
        path,
        store,
        company="demo",
        as_of=TODAY,
        fetched_at=FETCHED,
        run_id="r1",
        tie_out=tie_out or TieOut(True),
        publish_meta=meta,
    )
    with store.transaction() as tx:
        companies.remember(tx, [companies.CompanyRow("key-1", "demo", "Demo AS", None, False, True, NOW)])
        for role, entity, erp_id in (("customer", "Customer", 79), ("supplier", "Supplier", 12)):
            links.add(
                tx,
                links.Link(role, "Cust1", "contact", 1041, "key-1", role, entity, erp_id, 1, "matched", NOW, "sync"),
            )
        links.add(
            tx,
            links.Link(
                "customer", "Cust1", "contact", 1042, "key-1", "customer", "Customer", 80, 1, "matched", NOW, "s"
            ),
        )


def settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


def clock() -> ManualClock:
    return ManualClock(NOW)
