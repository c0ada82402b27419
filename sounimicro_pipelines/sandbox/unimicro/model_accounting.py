"""Model text of the accounts: chart, years and periods, journal, matchings, payments, budgets, VAT."""

from __future__ import annotations

ACCOUNTING = """
VatType vattypes GET,POST,PUT,DELETE
VatCode s, Name s, Alias s, OutputVat b, IncomingAccountID i, OutgoingAccountID i, VatCodeGroupID i, Visible b
Locked b, InUse b, DirectJournalEntryOnly b, ReversedTaxDutyVat b, JournalAccountNumber i, VatTypeSetupID i
AvailableInModules b, VatCodeGroupingValue i
* VatTypePercentages:VatTypePercentage.VatTypeID

VatTypePercentage - GET
VatTypeID i, VatPercent n, ValidFrom d, ValidTo d

Account accounts GET,POST,PUT,DELETE
AccountNumber i, AccountName s255, Description s255, AccountID i, CustomerID i, SupplierID i, EmployeeID i
AccountGroupID i, TopLevelAccountGroupID i, VatTypeID i, UsePostPost b, Active b, Visible b, Locked b
LockManualPosts b, SystemAccount b, CurrencyCodeID i, DimensionsID i, CostAllocationID i, SaftMappingAccountID i
AccountSetupID i, DoSynchronize b, UseVatDeductionGroupID i, Keywords s255
> MainAccount:Account.AccountID, Customer:Customer.CustomerID, Supplier:Supplier.SupplierID
> AccountGroup:AccountGroup.AccountGroupID, TopLevelAccountGroup:AccountGroup.TopLevelAccountGroupID
> VatType:VatType.VatTypeID, Dimensions:Dimensions.DimensionsID
* SubAccounts:Account.AccountID

AccountGroup accountgroups GET,POST,PUT,DELETE
GroupNumber s10, Name s100, MainGroupID i, AccountGroupSetID i, AccountGroupSetupID i, AccountID i
CompatibleAccountID i, Summable b
> MainGroup:AccountGroup.MainGroupID

FinancialYear financialyears GET,POST,PUT
Year i, ValidFrom d, ValidTo d

Period periodes GET,POST,PUT,DELETE
No i, Name s, AccountYear i, FromDate d, ToDate d, PeriodSeriesID i, PeriodTemplateID i

JournalEntry journalentries GET,POST,PUT
JournalEntryNumber s100, JournalEntryNumberNumeric i, FinancialYearID i, Description s200, NumberSeriesID i
NumberSeriesTaskID i, JournalEntryAccrualID i, JournalEntryDraftGroup s, ExternalReference s, ExternalSource s
IsExternal b
> FinancialYear:FinancialYear.FinancialYearID, NumberSeries:NumberSeries.NumberSeriesID
* Lines:JournalEntryLine.JournalEntryID, DraftLines:JournalEntryLineDraft.JournalEntryID

JournalEntryLine journalentrylines GET,PUT
JournalEntryID i, JournalEntryNumber s100, JournalEntryNumberNumeric i, JournalEntryTypeID i, AccountID i
SubAccountID i, Amount n, AmountCurrency n, CurrencyCodeID i, CurrencyExchangeRate n, RestAmount n
RestAmountCurrency n, FinancialDate d, DueDate d, RegisteredDate d, DocumentDate d, VatDate d, PeriodID i
VatPeriodID i, InvoiceNumber s100, PaymentID s255, Description s500, CustomerInvoiceID i, SupplierInvoiceID i
CustomerOrderID i, PaymentReferenceID i, PaymentInfoTypeID i, DimensionsID i, VatTypeID i, VatPercent n
VatDeductionPercent n, TaxBasisAmount n, TaxBasisAmountCurrency n, VatJournalEntryPostID i, VatReportID i
VatPostKey s, ReferenceCreditPostID i, OriginalReferencePostID i, PostPostJournalEntryLineID i
JournalEntryLineDraftID i, BatchNumber i, AccrualID i, CostAllocationID i, ItemSourceID i, NumberOfItems n
UnitOfMeasureID i, IsExternal b, Signature s255, OriginalJournalEntryPost i, ReferenceOriginalPostID i
> JournalEntry:JournalEntry.JournalEntryID, Dimensions:Dimensions.DimensionsID, Account:Account.AccountID
> SubAccount:Account.SubAccountID, Period:Period.PeriodID, VatType:VatType.VatTypeID
> CustomerInvoice:CustomerInvoice.CustomerInvoiceID, SupplierInvoice:SupplierInvoice.SupplierInvoiceID
> JournalEntryType:JournalEntryType.JournalEntryTypeID, CurrencyCode:CurrencyCode.CurrencyCodeID
> VatJournalEntryPost:JournalEntryLine.VatJournalEntryPostID, ReferenceCreditPost:JournalEntryLine.ReferenceCreditPostID
> OriginalReferencePost:JournalEntryLine.OriginalReferencePostID, CustomerOrder:CustomerOrder.CustomerOrderID
> JournalEntryLineDraft:JournalEntryLineDraft.JournalEntryLineDraftID

JournalEntryLineDraft journalentrylinedrafts GET,POST,PUT,DELETE
JournalEntryID i, JournalEntryTypeID i, AccountID i, SubAccountID i, Amount n, AmountCurrency n, CurrencyCodeID i
CurrencyExchangeRate n, FinancialDate d, DueDate d, RegisteredDate d, VatDate d, InvoiceNumber s100, PaymentID s255
Description s500, CustomerInvoiceID i, SupplierInvoiceID i, DimensionsID i, VatTypeID i, VatPercent n
> JournalEntry:JournalEntry.JournalEntryID, Account:Account.AccountID, Dimensions:Dimensions.DimensionsID

JournalEntryType journalentrytypes GET
Number i, Name s, MainName s, DisplayName s, ExpectNegativeAmount b

PostPost postposts GET,POST,PUT,DELETE
JournalEntryLine1ID i, JournalEntryLine2ID i, Amount n, AmountCurrency n, Date d, CurrencyCodeID i
CurrencyExchangeRate n
> JournalEntryLine1:JournalEntryLine.JournalEntryLine1ID, JournalEntryLine2:JournalEntryLine.JournalEntryLine2ID
> CurrencyCode:CurrencyCode.CurrencyCodeID

Payment payments GET,POST,PUT,DELETE
Amount n, AmountCurrency n, BankChargeAmount n, BusinessRelationID i, CustomerInvoiceID i
CustomerInvoiceReminderID i, SupplierInvoiceID i, VatReportID i, InvoiceNumber s100, PaymentID s100
InPaymentID s36, PaymentDate d, DueDate d, IsCustomerPayment b, IsExternal b, IsPaymentClaim b
IsPaymentCancellationRequest b, AutoJournal b, ReconcilePayment b, FromBankAccountID i, ToBankAccountID i
ExternalBankAccountNumber s35, Debtor s255, Description s, Domain s100, Proprietary s100, JournalEntryID i
PaymentBatchID i, PaymentCodeID i, SigningBasketID i, TransactionID s, StatusText s500
SerialNumberOrAcctSvcrRef s35, OcrPaymentStrings s500, CurrencyCodeID i, CurrencyExchangeRate n
PaymentStatusReportFileID i, PaymentNotificationReportFileID i
> BusinessRelation:BusinessRelation.BusinessRelationID, CustomerInvoice:CustomerInvoice.CustomerInvoiceID
> SupplierInvoice:SupplierInvoice.SupplierInvoiceID, JournalEntry:JournalEntry.JournalEntryID
> CurrencyCode:CurrencyCode.CurrencyCodeID, PaymentBatch:PaymentBatch.PaymentBatchID

PaymentBatch paymentbatches GET,POST,PUT,DELETE
TotalAmount n, NumberOfPayments i, IsCustomerPayment b, TransferredDate dt, ReceiptDate dt

Budget budgets GET,POST,PUT,DELETE
Name s, AccountingYear i
* Entries:BudgetEntry.BudgetID

BudgetEntry budgetentries GET,POST,PUT,DELETE
BudgetID i, AccountID i, DimensionsID i, PeriodNumber i, Amount n
> Budget:Budget.BudgetID, Account:Account.AccountID, Dimensions:Dimensions.DimensionsID
"""
