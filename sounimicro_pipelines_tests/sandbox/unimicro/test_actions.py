"""Status moves and commands: legal ones do their bookkeeping, illegal ones are refused."""

from __future__ import annotations

from decimal import Decimal

from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def test_a_legal_transition_is_204_and_an_illegal_one_400(erp: Erp) -> None:
    project = erp.post("projects", {"Name": "Ny"}).json()["ID"]
    assert erp.post(f"projects/{project}", action="CompleteProject").status_code == 400
    assert erp.post(f"projects/{project}", action="StartProject").status_code == 204
    assert erp.post(f"projects/{project}", action="CompleteProject").status_code == 204
    moves = erp.get("statuslogs", filter=f"EntityType eq 'Project' and EntityID eq {project}", orderby="ID", top=9)
    assert [(move["FromStatus"], move["ToStatus"]) for move in moves] == [(42201, 42203), (42203, 42204)]


def test_an_order_becomes_an_invoice_line_by_line_and_the_invoice_is_booked(erp: Erp) -> None:
    customer, products = erp.get("customers", top=1)[0]["ID"], erp.get("products", top=2, orderby="ID")
    items = [
        {"ProductID": product["ID"], "NumberOfItems": 2, "PriceExVat": 100, "DiscountPercent": 0, "SortIndex": place}
        for place, product in enumerate(products, start=1)
    ]
    order = erp.post("orders", {"CustomerID": customer, "Items": items}).json()
    assert erp.post(f"orders/{order['ID']}", action="register").status_code == 204
    first = order["Items"][0]["ID"]
    draft = erp.put(
        f"orders/{order['ID']}", {"ID": order["ID"], "Items": [{"ID": first}]}, action="transfer-to-invoice"
    )
    invoice = draft.json()
    assert (invoice["StatusCode"], invoice["InvoiceNumber"]) == (42001, None)
    assert invoice["Items"][0]["OrderItemId"] == first
    after = erp.get(f"orders/{order['ID']}", expand="Items")
    assert after["StatusCode"] == 41003
    assert [item["StatusCode"] for item in after["Items"]] == [41103, 41102]
    assert after["RestExclusiveAmountCurrency"] == 200
    assert erp.post(f"invoices/{invoice['ID']}", action="invoice").status_code == 204
    issued = erp.get(f"invoices/{invoice['ID']}", expand="JournalEntry.Lines")
    assert isinstance(issued["InvoiceNumber"], str)
    assert sum(Decimal(str(line["Amount"])) for line in issued["JournalEntry"]["Lines"]) == 0
    links = erp.get(f"orderitems/{first}/tracelinks")
    assert links[0]["DestinationInstanceID"] == invoice["Items"][0]["ID"]


def test_paying_in_part_and_crediting_the_rest_closes_an_invoice(erp: Erp) -> None:
    people = erp.sandbox.erp
    invoice = people.invoice(1, erp.get("customers", filter="CurrencyCodeID eq 1", top=1)[0]["ID"], 1000)
    assert erp.put(f"invoices/{invoice}", {"Amount": 250}, action="payInvoice").status_code == 200
    assert erp.get(f"invoices/{invoice}")["RestAmount"] == 1000
    assert erp.get(f"invoices/{invoice}")["StatusCode"] == 42003
    note = people.credit(1, invoice)
    original, credit = erp.get(f"invoices/{invoice}"), erp.get(f"invoices/{note}")
    assert (original["RestAmount"], original["StatusCode"], original["Credited"]) == (0, 42006, True)
    assert (credit["InvoiceType"], credit["InvoiceReferenceID"], credit["RestAmount"]) == (1, invoice, -250)


def test_the_open_items_question_answers_like_the_ledger(erp: Erp) -> None:
    customer = erp.get("customers", filter="CurrencyCodeID eq 1", top=1)[0]
    erp.sandbox.erp.invoice(1, customer["ID"], 800)
    rows = erp.get("journalentrylines", action="get-journal-entry-postpost-data", customerID=customer["ID"])
    account = erp.get("accounts", filter=f"CustomerID eq {customer['ID']}")[0]
    lines = erp.get("journalentrylines", filter=f"SubAccountID eq {account['ID']}", top=1000)
    assert sum(row["RestAmount"] for row in rows) == sum(line["RestAmount"] for line in lines)
    assert {row["SubAccountNumber"] for row in rows} == {customer["CustomerNumber"]}


def test_small_questions(erp: Erp) -> None:
    assert {row["TermsType"] for row in erp.get("terms", action="get-payment-terms")} == {1}
    assert erp.get("users", action="current-session")["UserName"] == "integrasjon"
    assert erp.call("GET", "/api/biz/customers", action="no-such-thing").status_code == 404
    assert erp.call("GET", "/api/biz/customers/1", action="audit").status_code == 400


def test_metadata_knows_every_field_and_can_be_absent(erp: Erp) -> None:
    types = erp.call("GET", "/api/metadata/CustomerInvoice/types").json()
    assert types["RestAmount"] == "Decimal"
    assert "customerinvoice" in [model["Name"].lower() for model in erp.call("GET", "/api/metadata/allmodels").json()]
    erp.sandbox.erp.options.metadata = False
    assert erp.call("GET", "/api/metadata/CustomerInvoice/types").status_code == 404
    assert erp.call("GET", "/api/biz/users", action="current-session").status_code == 404
