"""`?action=`: status moves and the commands and questions of a few routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.documents import attach_invoice
from sounimicro_pipelines.sandbox.unimicro.model import EntityDef
from sounimicro_pipelines.sandbox.unimicro.money_flows import MoneyFlows
from sounimicro_pipelines.sandbox.unimicro.replies import Refused
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.transitions import REGISTER_MOVES, TRANSITIONS
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, money
from sounimicro_pipelines.sandbox.unimicro.writes import Writer

NO_CONTENT = object()
"""What a status move answers: 204 without a body."""


class Actions:
    """Runs actions on one company. Every method raises Refused for what is not legal."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.store = writer.store
        self.sales = writer.sales
        self.flows = MoneyFlows(writer.sales)

    def move(self, entity: EntityDef, row_id: int, name: str, actor: str) -> Any:
        """POST `{route}/{id}?action=` of a legal transition: 204, else 400."""
        moves = {key.lower(): value for key, value in TRANSITIONS.get(entity.name, {}).items()}
        found = moves.get(name.lower())
        row = self.store.get(entity.name, row_id)
        if row is None or row.get("Deleted"):
            raise Refused(404, {"Message": "Not found"})
        if found is None:
            raise Refused(404, {"Message": f"No action {name}"})
        sources, goal = found
        if row.get("StatusCode") not in sources:
            raise Refused(400, {"Message": f"Transition {name} is not allowed from status {row.get('StatusCode')}"})
        today = self.store.clock.today()
        with self.store.transaction(actor):
            if entity.name == "CustomerInvoice" and goal == 42002:
                attach_invoice(self.store, self.sales.issue(row_id, today), voucher=False)
            elif entity.name == "CustomerInvoice":
                self.flows.receive(row["CustomerID"], row["RestAmount"], today, invoice_id=row_id)
            else:
                self.store.change(entity.name, row_id, {"StatusCode": goal})
                self._items_follow(entity.name, row_id, goal)
        return NO_CONTENT

    def _items_follow(self, entity: str, row_id: int, goal: int) -> None:
        """Lines of an order move with their head."""
        if entity != "CustomerOrder":
            return
        step = {41002: (41101, 41102), 41004: (41102, 41103), 41005: (41102, 41104)}.get(goal)
        for item in self.store.find("CustomerOrderItem", CustomerOrderID=row_id) if step else ():
            if step and item.get("StatusCode") == step[0]:
                self.store.change("CustomerOrderItem", item["ID"], {"StatusCode": step[1]})
        values = {name: value for name, value in self.sales.order_rest(row_id).items() if name != "StatusCode"}
        self.store.change("CustomerOrder", row_id, values)

    def command(
        self, entity: EntityDef, row_id: int | None, name: str, parameters: Mapping[str, str], body: Any, actor: str
    ) -> Any:
        """PUT `{route}[/{id}]?action=`."""
        lowered = name.lower()
        moves = REGISTER_MOVES.get(entity.name, {})
        if lowered in moves:
            return self._register_move(entity, int(parameters.get("id") or row_id or 0), moves[lowered], actor)
        if lowered == "bulk-save" and isinstance(body, list):
            return [self._bulk(entity, one, actor) for one in body]
        if entity.name == "CustomerOrder" and lowered == "transfer-to-invoice" and row_id is not None:
            items = [int(item["ID"]) for item in (body or {}).get("Items") or () if item.get("ID")]
            open_items = [
                item["ID"]
                for item in self.store.find("CustomerOrderItem", CustomerOrderID=row_id)
                if item["StatusCode"] == 41102 and (not items or item["ID"] in items)
            ]
            if not open_items:
                raise Refused(400, {"Message": "The order has nothing to transfer"})
            with self.store.transaction(actor):
                return self.sales.transfer(row_id, dict.fromkeys(open_items), self.store.clock.today())
        if entity.name == "CustomerInvoice" and row_id is not None:
            return self._invoice_command(row_id, lowered, body or {}, actor)
        raise Refused(404, {"Message": f"No action {name}"})

    def _bulk(self, entity: EntityDef, payload: Any, actor: str) -> Row:
        row_id = int(payload.get("ID") or 0) if isinstance(payload, dict) else 0
        if row_id:
            return self.writer.update(entity, row_id, payload, actor)
        return self.writer.create(entity, payload, actor)

    def _register_move(
        self, entity: EntityDef, row_id: int, move: tuple[frozenset[int | None], int], actor: str
    ) -> Any:
        row = self.store.get(entity.name, row_id)
        if row is None:
            raise Refused(404, {"Message": "Not found"})
        if row.get("StatusCode") not in move[0]:
            raise Refused(400, {"Message": f"Not allowed from status {row.get('StatusCode')}"})
        with self.store.transaction(actor):
            changed = self.store.change(entity.name, row_id, {"StatusCode": move[1]})
            if entity.name == "Customer":
                self.writer.books.number_customer(changed)
        return NO_CONTENT

    def _invoice_command(self, row_id: int, name: str, body: Mapping[str, Any], actor: str) -> Any:
        invoice = self.store.get("CustomerInvoice", row_id)
        if invoice is None:
            raise Refused(404, {"Message": "Not found"})
        with self.store.transaction(actor):
            if name == "payinvoice" and invoice["StatusCode"] in (42002, 42003):
                day = date.fromisoformat(str(body.get("PaymentDate") or self.store.clock.today().isoformat())[:10])
                amount = money(Decimal(str(body.get("Amount") or invoice["RestAmount"])))
                self.flows.receive(invoice["CustomerID"], amount, day, invoice_id=row_id)
                return self.store.get("CustomerInvoice", row_id)
            if name == "create-credit-draft-invoice" and invoice["StatusCode"] != 42001:
                return self.sales.credit_draft(row_id)
            if name == "toggle-reminder-stop":
                return self.store.change(
                    "CustomerInvoice", row_id, {"DontSendReminders": not invoice.get("DontSendReminders")}
                )
        raise Refused(400, {"Message": f"Action {name} is not allowed"})

    def question(self, entity: EntityDef, row_id: int | None, name: str, parameters: Mapping[str, str]) -> Any:
        """GET `{route}[/{id}]?action=`: plain data, or rows of the entity as a list."""
        lowered = name.lower()
        given = {key.lower(): value for key, value in parameters.items()}
        match entity.name, lowered:
            case "User", "current-session":
                return self.store.find("User", UserName="integrasjon")[0]
            case "Terms", "get-payment-terms":
                return self.store.find("Terms", TermsType=1)
            case "Terms", "get-delivery-terms":
                return self.store.find("Terms", TermsType=2)
            case "JournalEntryLine", "get-journal-entry-postpost-data":
                return {"data": self._postposts(given)}
            case "CustomerInvoice", "get-payments":
                return {"data": [dict(row) for row in self.store.find("Payment", CustomerInvoiceID=row_id)]}
            case "CustomerInvoice", "get-customer-invoice-summary":
                rows = [row for row in self.store.rows("CustomerInvoice") if row["StatusCode"] != 42001]
                return {
                    "data": {
                        "SumTotalAmount": sum((row["TaxInclusiveAmount"] for row in rows), ZERO),
                        "SumRestAmount": sum((row["RestAmount"] for row in rows), ZERO),
                        "SumCreditedAmount": sum((row.get("CreditedAmount") or ZERO for row in rows), ZERO),
                    }
                }
            case "Project", "is-used":
                return {"data": bool(self.store.find("Dimensions", ProjectID=row_id))}
            case _, "audit":
                if "query" not in given:
                    raise Refused(400, {"Message": "query is required"})
                rows = self.store.table("AuditLog").with_key("EntityID", row_id)
                return {"data": [dict(row) for row in rows if row["EntityType"] == entity.name]}
        raise Refused(404, {"Message": f"No action {name}"})

    def _postposts(self, given: Mapping[str, str]) -> list[dict[str, Any]]:
        """Ledger lines of a customer, supplier or account as the platform's own open-items screen reads them."""
        with_open = given.get("includeopenposts", "true").lower() == "true"
        with_marked = given.get("includemarkedposts", "false").lower() == "true"
        accounts = [
            row["ID"]
            for key, name in (("customerid", "CustomerID"), ("supplierid", "SupplierID"))
            if given.get(key, "").isdigit()
            for row in self.store.find("Account", **{name: int(given[key])})
        ]
        if given.get("accountid", "").isdigit():
            accounts.append(int(given["accountid"]))
        lines = [
            line
            for account in accounts
            for line in self.store.find("JournalEntryLine", SubAccountID=account)
            if (with_open if line["RestAmount"] else with_marked)
        ]
        return [self._postpost(line) for line in lines]

    def _postpost(self, line: Row) -> dict[str, Any]:
        store = self.store
        account = store.get("Account", line["SubAccountID"]) or {}
        period = store.get("Period", line["PeriodID"]) or {}
        kind = store.get("JournalEntryType", line["JournalEntryTypeID"]) or {}
        code = store.get("CurrencyCode", line["CurrencyCodeID"]) or {}
        copied = (
            "ID JournalEntryID JournalEntryNumber JournalEntryNumberNumeric FinancialDate DueDate InvoiceNumber "
            "PaymentID Description Amount AmountCurrency RestAmount RestAmountCurrency CurrencyCodeID "
            "CurrencyExchangeRate StatusCode"
        )
        return {
            **{name: line.get(name) for name in copied.split()},
            "JournalEntryTypeName": kind.get("Name"),
            "SumPostPostAmount": line["Amount"] - line["RestAmount"],
            "SumPostPostAmountCurrency": line["AmountCurrency"] - line["RestAmountCurrency"],
            "CurrencyCodeCode": code.get("Code"),
            "SubAccountNumber": account.get("AccountNumber"),
            "SubAccountName": account.get("AccountName"),
            "PeriodNo": period.get("No"),
            "AccountYear": period.get("AccountYear"),
            "NumberOfPayments": 0,
            "MarkedAgainstJournalEntryNumber": None,
            "MarkedAgainstJournalEntryLineID": None,
            "Markings": [],
        }
