"""Model text of sales and purchases: products, quotes, orders, invoices, reminders, supplier invoices."""

from __future__ import annotations

_ADDRESSES = """
InvoiceReceiverName s255, InvoiceAddressLine1 s255, InvoiceAddressLine2 s255, InvoiceAddressLine3 s255
InvoicePostalCode s10, InvoiceCity s255, InvoiceCountry s255, InvoiceCountryCode s255
ShippingAddressLine1 s255, ShippingAddressLine2 s255, ShippingAddressLine3 s255, ShippingPostalCode s10
ShippingCity s255, ShippingCountry s255, ShippingCountryCode s255
""".strip()

_HEAD = (
    """
CustomerID i, CustomerName s255, CustomerOrgNumber s100, CustomerPerson s255, EmailAddress s255
OurReference s255, YourReference s255, Requisition s255, SalesPerson s255, DefaultSellerID i, DefaultDimensionsID i
CurrencyCodeID i, CurrencyExchangeRate n, TaxExclusiveAmount n, TaxInclusiveAmount n, VatTotalsAmount n
TaxExclusiveAmountCurrency n, TaxInclusiveAmountCurrency n, VatTotalsAmountCurrency n, CostPriceAmount n
ContributionMarginAmount n, ContributionPercent n, PayableRoundingAmount n, PayableRoundingCurrencyAmount n
CreditDays i, PaymentTermsID i, PaymentTerm s100, DeliveryTermsID i, DeliveryTerm s100, DeliveryMethod s100
DeliveryName s255, DeliveryDate d, PaymentInfoTypeID i, FreeTxt s500, Comment s500, InternalNote s500
ContractDocumentReference s, SupplierOrgNumber s100, VatTypeID i, DistributionPlanID i, PrintStatus i, UseReportID i
UpdateCurrencyAmountsOnDateChange b
""".strip()
    + "\n"
    + _ADDRESSES
)

_HEAD_RELATIONS = """
> Customer:Customer.CustomerID, DefaultSeller:Seller.DefaultSellerID, PaymentTerms:Terms.PaymentTermsID
> DefaultDimensions:Dimensions.DefaultDimensionsID, DeliveryTerms:Terms.DeliveryTermsID, VatType:VatType.VatTypeID
> CurrencyCode:CurrencyCode.CurrencyCodeID
""".strip()

_LINE = """
SortIndex i, ProductID i, ItemText s255, Comment s500, NumberOfItems n, Unit s100, UnitOfMeasureID i, PriceExVat n
PriceIncVat n, PriceExVatCurrency n, Discount n, DiscountCurrency n, DiscountPercent n, VatTypeID i, VatPercent n
SumTotalExVat n, SumTotalIncVat n, SumVat n, SumTotalExVatCurrency n, SumTotalIncVatCurrency n, SumVatCurrency n
CostPrice n, SumCostPrice n, ContributionMargin n, ContributionPercent n, AccountID i, DimensionsID i
CurrencyCodeID i, CurrencyExchangeRate n, PriceSetByUser b, CalculateGrossPriceBasedOnNetPrice b, PriceDealItemID i
OrderLineReference s, BuyersItemIdentification s
""".strip()

_LINE_RELATIONS = """
> Product:Product.ProductID, VatType:VatType.VatTypeID, Account:Account.AccountID, Dimensions:Dimensions.DimensionsID
> CurrencyCode:CurrencyCode.CurrencyCodeID
""".strip()

SALES = f"""
Product products GET,POST,PUT,DELETE
PartName s255, Name s255, Description s500, Type i, PriceExVat n, PriceIncVat n, ListPrice n, CostPrice n
AverageCost n, Unit s100, UnitOfMeasureID i, VatTypeID i, AccountID i, DefaultVatTypeAccountsID i
DefaultProductCategoryID i, ExternalProductNumber s50, ImageFileID i, VariansParentID i
CalculateGrossPriceBasedOnNetPrice b, DimensionsID i
> VatType:VatType.VatTypeID, Account:Account.AccountID, Dimensions:Dimensions.DimensionsID
> DefaultProductCategory:ProductCategory.DefaultProductCategoryID

ProductCategory productcategories GET,POST,PUT,DELETE
Name s255, ParentID i, Comment s255

UnitOfMeasure unitofmeasures GET,POST,PUT,DELETE
Code s100, Name s255

CustomerQuote quotes GET,POST,PUT,DELETE
QuoteNumber i, QuoteNumberSeriesID i, QuoteDate d, ValidUntilDate d, InquiryReference i, UpdateCurrencyOnToOrder b
{_HEAD}
{_HEAD_RELATIONS}
* Items:CustomerQuoteItem.CustomerQuoteID, Sellers:SellerLink.CustomerQuoteID

CustomerQuoteItem quoteitems GET,POST,PUT,DELETE
CustomerQuoteID i
{_LINE}
{_LINE_RELATIONS}
> CustomerQuote:CustomerQuote.CustomerQuoteID

CustomerOrder orders GET,POST,PUT,DELETE
OrderNumber i, OrderNumberSeriesID i, OrderDate d, RestAmountCurrency n, RestExclusiveAmountCurrency n
ReadyToInvoice b, AccrualID i, UpdateCurrencyOnToInvoice b
{_HEAD}
{_HEAD_RELATIONS}
* Items:CustomerOrderItem.CustomerOrderID, Sellers:SellerLink.CustomerOrderID

CustomerOrderItem orderitems GET,POST,PUT,DELETE
CustomerOrderID i, ReadyToInvoice b, ItemSourceID i, ExternalReference s
{_LINE}
{_LINE_RELATIONS}
> CustomerOrder:CustomerOrder.CustomerOrderID

CustomerInvoice invoices GET,POST,PUT,DELETE
InvoiceNumber s100, InvoiceNumberSeriesID i, InvoiceType i, InvoiceReferenceID i, InvoiceDate d, PaymentDueDate d
LastPaymentDate d, ExternalReference s20, RestAmount n, RestAmountCurrency n, Credited b, CreditedAmount n
CreditedAmountCurrency n, PaymentID s100, PaymentInformation s255, Payment s100, AmountRegards s255, BankAccountID i
JournalEntryID i, CreatedFromJournalEntry b, WriteoffJournalEntryID i, WriteoffPaymentJournalEntryID i
CollectorStatusCode i, DontSendReminders b, DontUseFactoring b, ExternalStatus i
ExternalDebtCollectionReference s50, ExternalDebtCollectionNotes s255, ExternalDebtCollectionUrl s
MergeAttachments b, AccrualID i, InvoiceAccrualDefinitionID i, AssetID i
{_HEAD}
{_HEAD_RELATIONS}
> JournalEntry:JournalEntry.JournalEntryID, InvoiceReference:CustomerInvoice.InvoiceReferenceID
* Items:CustomerInvoiceItem.CustomerInvoiceID, Sellers:SellerLink.CustomerInvoiceID
* CustomerInvoiceReminders:CustomerInvoiceReminder.CustomerInvoiceID, Payments:Payment.CustomerInvoiceID

CustomerInvoiceItem invoiceitems GET,POST,PUT,DELETE
CustomerInvoiceID i, OrderItemId i, AccountingCost s255, InvoicePeriodStartDate d, InvoicePeriodEndDate d
ItemSourceID i
{_LINE}
{_LINE_RELATIONS}
> CustomerInvoice:CustomerInvoice.CustomerInvoiceID

CustomerInvoiceReminder invoicereminders GET,POST,PUT,DELETE
CustomerInvoiceID i, ReminderNumber i, RunNumber i, RemindedDate d, DueDate d, ReminderFee n, InterestFee n
DebtCollectionFee n, ReminderFeeCurrency n, InterestFeeCurrency n, DebtCollectionFeeCurrency n, RestAmount n
RestAmountCurrency n, CurrencyCodeID i, CurrencyExchangeRate n, Title s100, Description s1000, EmailAddress s255
Notified b, CreatedByReminderRuleID i, ReminderRuleType i, DimensionsID i
> CustomerInvoice:CustomerInvoice.CustomerInvoiceID, Dimensions:Dimensions.DimensionsID
> CurrencyCode:CurrencyCode.CurrencyCodeID

SupplierInvoice supplierinvoices GET,POST,PUT,DELETE
SupplierID i, InvoiceNumber s100, InvoiceType i, InvoiceOriginType i, CostSupplierID i, InvoiceReferenceID i
InvoiceDate d, FinancialDate d, PaymentDueDate d, DeliveryDate d, PaymentID s100, Payment s255
PaymentInformation s255, PaymentMethodID i, PaymentStatus i, PreventPayment b, IsSentToPayment b, BankAccountID i
FromBankAccountID i, JournalEntryID i, TaxExclusiveAmount n, TaxInclusiveAmount n, VatTotalsAmount n, RestAmount n
CreditedAmount n, TaxExclusiveAmountCurrency n, TaxInclusiveAmountCurrency n, VatTotalsAmountCurrency n
RestAmountCurrency n, CreditedAmountCurrency n, Credited b, CurrencyCodeID i, CurrencyExchangeRate n
Requisition s255, OurReference s255, YourReference s255, DefaultDimensionsID i, ProjectID i
MarkedAsCompletedOnProject b, ReInvoiceID i, ReinvoicedStatusCode i, LastReinvoicedAt dt, FreeTxt s, Comment s
InternalNote s500, SalesPerson s255, AmountRegards s255, CreditDays i, PaymentTerm s100, PaymentTermsID i
DeliveryTerm s100, DeliveryTermsID i, DeliveryMethod s100, DeliveryName s255, CustomerOrgNumber s100
SupplierOrgNumber s100, CustomerPerson s255, PayableRoundingAmount n, PayableRoundingCurrencyAmount n, PrintStatus i
{_ADDRESSES}
> Supplier:Supplier.SupplierID, CostSupplier:Supplier.CostSupplierID, JournalEntry:JournalEntry.JournalEntryID
> DefaultDimensions:Dimensions.DefaultDimensionsID, CurrencyCode:CurrencyCode.CurrencyCodeID
* Items:SupplierInvoiceItem.SupplierInvoiceID, Payments:Payment.SupplierInvoiceID

SupplierInvoiceItem - GET
SupplierInvoiceID i, VatDate d, AccountingCost s, InvoicePeriodStartDate d, InvoicePeriodEndDate d
{_LINE}
{_LINE_RELATIONS}
> SupplierInvoice:SupplierInvoice.SupplierInvoiceID
"""
