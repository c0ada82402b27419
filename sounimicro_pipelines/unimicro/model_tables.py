"""The tables of `model.py`: every entity that we read, query or write, with its fields and relations.

Notation in `model.build`. Left out on purpose: a customer's national identity number and a file's scanned text are
never read.
"""

from __future__ import annotations

from sounimicro_pipelines.unimicro.model import Entity, build

NEVER_KEPT = {"Customer": "SocialSecurityNumber", "File": "OCRData"}
"""Fields that are dropped from every answer as soon as it is read, by the entity that has them."""

_DOCUMENT = """
CustomerID:i CustomerName:s255* CustomerOrgNumber:s100 CustomerPerson:s255* EmailAddress:s255* OurReference:s255*
YourReference:s255* Requisition:s255 SalesPerson:s255* DefaultSellerID:i DefaultDimensionsID:i CurrencyCodeID:i
CurrencyExchangeRate:n TaxExclusiveAmount:n- TaxExclusiveAmountCurrency:n- TaxInclusiveAmount:n-
TaxInclusiveAmountCurrency:n- VatTotalsAmount:n- VatTotalsAmountCurrency:n- CostPriceAmount:n-
ContributionMarginAmount:n-
ContributionPercent:n- PayableRoundingAmount:n- PayableRoundingCurrencyAmount:n- CreditDays:i PaymentTermsID:i
PaymentTerm:s100 DeliveryTermsID:i DeliveryTerm:s100 DeliveryMethod:s100 DeliveryName:s255* DeliveryDate:d
PaymentInfoTypeID:i FreeTxt:s500* Comment:s500* InternalNote:s500* ContractDocumentReference:s InvoiceReceiverName:s255*
InvoiceAddressLine1:s* InvoiceAddressLine2:s* InvoiceAddressLine3:s* InvoicePostalCode:s10* InvoiceCity:s*
InvoiceCountry:s InvoiceCountryCode:s ShippingAddressLine1:s* ShippingAddressLine2:s* ShippingAddressLine3:s*
ShippingPostalCode:s* ShippingCity:s* ShippingCountry:s ShippingCountryCode:s SupplierOrgNumber:s100 VatTypeID:i
DistributionPlanID:i PrintStatus:i UseReportID:i
"""

_LINE = """
SortIndex:i ProductID:i ItemText:s255 Comment:s500* NumberOfItems:n Unit:s100 UnitOfMeasureID:i PriceExVat:n
PriceIncVat:n
PriceExVatCurrency:n Discount:n DiscountCurrency:n DiscountPercent:n VatTypeID:i VatPercent:n SumTotalExVat:n-
SumTotalExVatCurrency:n- SumTotalIncVat:n- SumTotalIncVatCurrency:n- SumVat:n- SumVatCurrency:n- CostPrice:n
SumCostPrice:n- ContributionMargin:n- ContributionPercent:n- AccountID:i DimensionsID:i CurrencyCodeID:i
CurrencyExchangeRate:n PriceSetByUser:b PriceDealItemID:i
"""

_PARTY_CONTACT = "Info:BusinessRelation Dimensions:Dimensions"
_DOCUMENT_RELATIONS = (
    "Customer:Customer DefaultSeller:Seller Sellers:SellerLink[] DefaultDimensions:Dimensions PaymentTerms:Terms "
    "DeliveryTerms:Terms VatType:VatType CurrencyCode:CurrencyCode"
)
_LINE_RELATIONS = "Product:Product VatType:VatType Account:Account Dimensions:Dimensions"

_ALL = (
    build(
        "Customer",
        "customers",
        """
        CustomerNumber:i- OrgNumber:s100 BusinessRelationID:i IsPrivate:b DefaultSellerID:i CreditDays:i
        PaymentTermsID:i
        DeliveryTermsID:i CurrencyCodeID:i VatTypeID:i DimensionsID:i CustomerGroupID:i SubAccountNumberSeriesID:i
        WebUrl:s255 GLN:s13 PeppolAddress:s50 EInvoiceAgreementReference:s50 EfakturaIdentifier:s100* AvtaleGiro:b
        AvtaleGiroNotification:b CustomerNumberKidAlias:s255 DontSendReminders:b CalculateInterestOnReminders:b
        ReminderEmailAddress:s255* DontUseFactoring:b FactoringNumber:i InvoiceChargeID:i
        AcceptableDelta4CustomerPayment:n
        AcceptableDelta4CustomerPaymentAccountID:i DefaultDistributionsID:i DefaultCustomerQuoteReportID:i
        DefaultCustomerOrderReportID:i DefaultCustomerInvoiceReportID:i Localization:s10
        """,
        f"{_PARTY_CONTACT} Account:Account DefaultSeller:Seller Sellers:SellerLink[] PaymentTerms:Terms "
        "DeliveryTerms:Terms VatType:VatType CurrencyCode:CurrencyCode CustomerQuotes:CustomerQuote[] "
        "CustomerOrders:CustomerOrder[] CustomerInvoices:CustomerInvoice[] SubAccountNumberSeries:NumberSeries",
    ),
    build(
        "Supplier",
        "suppliers",
        """
        SupplierNumber:i- OrgNumber:s100 BusinessRelationID:i CreditDays:i CurrencyCodeID:i DimensionsID:i
        CostAllocationID:i
        StandardCostAccountID:i PostingMethod:i PreventSupplierInvoicePayments:b SelfEmployed:b HasDirectDebit:b
        SubAccountNumberSeriesID:i WebUrl:s255 GLN:s13 PeppolAddress:s50 Localization:s10
        """,
        _PARTY_CONTACT,
    ),
    build(
        "BusinessRelation",
        "business-relations",
        """
        Name:s255* DefaultContactID:i DefaultEmailID:i DefaultPhoneID:i DefaultBankAccountID:i InvoiceAddressID:i
        ShippingAddressID:i
        """,
        "Addresses:Address[] Phones:Phone[] Emails:Email[] Contacts:Contact[] DefaultContact:Contact "
        "DefaultEmail:Email "
        "DefaultPhone:Phone InvoiceAddress:Address ShippingAddress:Address",
    ),
    build(
        "Address",
        "",
        """
        BusinessRelationID:i AddressLine1:s255* AddressLine2:s255* AddressLine3:s255* PostalCode:s100* City:s100*
        Region:s100 Country:s100 CountryCode:s100
        """,
    ),
    build("Phone", "", "BusinessRelationID:i Number:s* CountryCode:s Type:i Description:s*"),
    build("Email", "", "BusinessRelationID:i EmailAddress:s* Type:s Description:s*"),
    build(
        "Contact",
        "contacts",
        "InfoID:i ParentBusinessRelationID:i Role:s100* Comment:s500*",
        "Info:BusinessRelation ParentBusinessRelation:BusinessRelation",
    ),
    build(
        "Project",
        "projects",
        """
        ProjectNumber:s255 ProjectNumberNumeric:i- ProjectNumberSeriesID:i Name:s255 Description:s500*
        ProjectCustomerID:i
        ProjectLeadName:s255* ProjectApproverID:i StartDate:d EndDate:d PlannedStartdate:d PlannedEnddate:d Amount:n
        CostPrice:n Price:n Total:n WorkPlaceAddressID:i DimensionsID:i AGAZoneID:i Visible:b
        """,
        "ProjectCustomer:Customer WorkPlaceAddress:Address ProjectApprover:User",
    ),
    build(
        "Department",
        "departments",
        "DepartmentNumber:s255 DepartmentNumberNumeric:i- DepartmentNumberSeriesID:i Name:s100 "
        "Description:s100 DepartmentManagerName:s100* DepartmentApproverID:i Visible:b",
    ),
    build(
        "Dimensions",
        "dimensions",
        """
        ProjectID:i DepartmentID:i ProjectTaskID:i RegionID:i ResponsibleID:i AssetID:i Dimension5ID:i Dimension6ID:i
        Dimension7ID:i Dimension8ID:i Dimension9ID:i Dimension10ID:i
        """,
        "Project:Project Department:Department",
    ),
    build(
        "Seller",
        "sellers",
        "Name:s30* UserID:i EmployeeID:i TeamID:i DefaultDimensionsID:i DefaultOurReference:b",
        "User:User DefaultDimensions:Dimensions",
    ),
    build(
        "SellerLink",
        "sellerlinks",
        "SellerID:i Percent:n Amount:n CustomerID:i CustomerQuoteID:i CustomerOrderID:i CustomerInvoiceID:i "
        "RecurringInvoiceID:i",
        "Seller:Seller",
    ),
    build("Terms", "terms", "Name:s30 Description:s255 CreditDays:i TermsType:i"),
    build("CurrencyCode", "currencycodes", "Code:s Name:s ShortCode:s Description:s", status=False),
    build(
        "User",
        "users",
        "DisplayName:s255* Email:s255* UserName:s255* PhoneNumber:s255* GlobalIdentity:s LastLogin:dt- Protected:b",
    ),
    build(
        "Product",
        "products",
        """
        PartName:s255 Name:s255 Description:s500 Type:i PriceExVat:n PriceIncVat:n ListPrice:n CostPrice:n
        AverageCost:n-
        Unit:s100 UnitOfMeasureID:i VatTypeID:i AccountID:i DefaultVatTypeAccountsID:i DefaultProductCategoryID:i
        ExternalProductNumber:s50 ImageFileID:i VariansParentID:i CalculateGrossPriceBasedOnNetPrice:b DimensionsID:i
        """,
        "VatType:VatType Account:Account Dimensions:Dimensions",
    ),
    build(
        "VatType",
        "vattypes",
        """
        VatCode:s Name:s Alias:s OutputVat:b IncomingAccountID:i OutgoingAccountID:i VatCodeGroupID:i Visible:b Locked:b
        InUse:b DirectJournalEntryOnly:b ReversedTaxDutyVat:b JournalAccountNumber:i VatTypeSetupID:i
        AvailableInModules:b
        VatCodeGroupingValue:i
        """,
        "VatTypePercentages:VatTypePercentage[]",
    ),
    build("VatTypePercentage", "", "VatTypeID:i VatPercent:n ValidFrom:d ValidTo:d"),
    build(
        "CustomerQuote",
        "quotes",
        f"{_DOCUMENT} QuoteNumber:i- QuoteNumberSeriesID:i QuoteDate:d ValidUntilDate:d InquiryReference:i",
        f"{_DOCUMENT_RELATIONS} Items:CustomerQuoteItem[]",
    ),
    build("CustomerQuoteItem", "quoteitems", f"CustomerQuoteID:i {_LINE}", _LINE_RELATIONS),
    build(
        "CustomerOrder",
        "orders",
        f"""{_DOCUMENT} OrderNumber:i- OrderNumberSeriesID:i OrderDate:d RestAmountCurrency:n-
        RestExclusiveAmountCurrency:n- ReadyToInvoice:b AccrualID:i""",
        f"{_DOCUMENT_RELATIONS} Items:CustomerOrderItem[]",
    ),
    build(
        "CustomerOrderItem",
        "orderitems",
        f"CustomerOrderID:i {_LINE} ReadyToInvoice:b ItemSourceID:i ExternalReference:s OrderLineReference:s "
        "BuyersItemIdentification:s",
        _LINE_RELATIONS,
    ),
    build(
        "CustomerInvoice",
        "invoices",
        f"""{_DOCUMENT} InvoiceNumber:s100- InvoiceNumberSeriesID:i InvoiceType:i InvoiceReferenceID:i InvoiceDate:d
        PaymentDueDate:d LastPaymentDate:d- ExternalReference:s20 RestAmount:n- RestAmountCurrency:n- Credited:b-
        CreditedAmount:n- CreditedAmountCurrency:n- PaymentID:s100 PaymentInformation:s255 Payment:s100
        AmountRegards:s255
        BankAccountID:i JournalEntryID:i- CreatedFromJournalEntry:b WriteoffJournalEntryID:i
        WriteoffPaymentJournalEntryID:i
        CollectorStatusCode:i- DontSendReminders:b DontUseFactoring:b ExternalStatus:i
        ExternalDebtCollectionReference:s50
        ExternalDebtCollectionNotes:s255* ExternalDebtCollectionUrl:s MergeAttachments:b AccrualID:i
        InvoiceAccrualDefinitionID:i AssetID:i""",
        f"{_DOCUMENT_RELATIONS} Items:CustomerInvoiceItem[] CustomerInvoiceReminders:CustomerInvoiceReminder[] "
        "Payments:Payment[] JournalEntry:JournalEntry InvoiceReference:CustomerInvoice",
    ),
    build(
        "CustomerInvoiceItem",
        "invoiceitems",
        f"CustomerInvoiceID:i OrderItemId:i {_LINE} AccountingCost:s255 InvoicePeriodStartDate:d "
        "InvoicePeriodEndDate:d "
        "ItemSourceID:i OrderLineReference:s BuyersItemIdentification:s",
        _LINE_RELATIONS,
    ),
    build(
        "CustomerInvoiceReminder",
        "invoicereminders",
        """
        CustomerInvoiceID:i ReminderNumber:i RunNumber:i RemindedDate:d DueDate:d ReminderFee:n ReminderFeeCurrency:n
        InterestFee:n InterestFeeCurrency:n DebtCollectionFee:n DebtCollectionFeeCurrency:n RestAmount:n
        RestAmountCurrency:n CurrencyCodeID:i CurrencyExchangeRate:n Title:s100 Description:s1000* EmailAddress:s255*
        Notified:b CreatedByReminderRuleID:i ReminderRuleType:i DimensionsID:i
        """,
    ),
    build(
        "SupplierInvoice",
        "supplierinvoices",
        """
        SupplierID:i InvoiceNumber:s100 InvoiceType:i InvoiceOriginType:i CostSupplierID:i InvoiceReferenceID:i
        InvoiceDate:d
        FinancialDate:d PaymentDueDate:d DeliveryDate:d PaymentID:s100 Payment:s255 PaymentInformation:s255
        PaymentMethodID:i PaymentStatus:i- PreventPayment:b IsSentToPayment:b- BankAccountID:i FromBankAccountID:i
        JournalEntryID:i- TaxExclusiveAmount:n TaxExclusiveAmountCurrency:n TaxInclusiveAmount:n
        TaxInclusiveAmountCurrency:n VatTotalsAmount:n VatTotalsAmountCurrency:n RestAmount:n- RestAmountCurrency:n-
        CreditedAmount:n- CreditedAmountCurrency:n- Credited:b- CurrencyCodeID:i CurrencyExchangeRate:n Requisition:s255
        OurReference:s255* YourReference:s255* DefaultDimensionsID:i ProjectID:i MarkedAsCompletedOnProject:b
        ReInvoiceID:i
        ReinvoicedStatusCode:i LastReinvoicedAt:dt FreeTxt:s* Comment:s* InternalNote:s500* SalesPerson:s*
        AmountRegards:s CreditDays:i PaymentTerm:s PaymentTermsID:i CustomerOrgNumber:s100 SupplierOrgNumber:s100
        CustomerPerson:s255* PayableRoundingAmount:n PayableRoundingCurrencyAmount:n PrintStatus:i
        """,
        "Supplier:Supplier Items:SupplierInvoiceItem[] DefaultDimensions:Dimensions JournalEntry:JournalEntry "
        "Payments:Payment[]",
    ),
    build(
        "SupplierInvoiceItem",
        "",
        f"SupplierInvoiceID:i {_LINE} VatDate:d AccountingCost:s InvoicePeriodStartDate:d InvoicePeriodEndDate:d",
        _LINE_RELATIONS,
    ),
    build(
        "Account",
        "accounts",
        """
        AccountNumber:i AccountName:s255* Description:s255 AccountID:i CustomerID:i SupplierID:i EmployeeID:i
        AccountGroupID:i
        TopLevelAccountGroupID:i VatTypeID:i UsePostPost:b Active:b Visible:b Locked:b LockManualPosts:b SystemAccount:b
        CurrencyCodeID:i DimensionsID:i CostAllocationID:i SaftMappingAccountID:i AccountSetupID:i DoSynchronize:b
        UseVatDeductionGroupID:i Keywords:s255
        """,
        "MainAccount:Account SubAccounts:Account[] Customer:Customer Supplier:Supplier AccountGroup:AccountGroup "
        "TopLevelAccountGroup:AccountGroup VatType:VatType Dimensions:Dimensions",
    ),
    build(
        "AccountGroup",
        "accountgroups",
        """
        GroupNumber:s10 Name:s100 MainGroupID:i AccountGroupSetID:i AccountGroupSetupID:i AccountID:i
        CompatibleAccountID:i
        Summable:b
        """,
    ),
    build("FinancialYear", "financialyears", "Year:i ValidFrom:d ValidTo:d"),
    build("Period", "periodes", "No:i Name:s AccountYear:i FromDate:d ToDate:d PeriodSeriesID:i PeriodTemplateID:i"),
    build(
        "JournalEntryType",
        "journalentrytypes",
        "Number:i Name:s MainName:s DisplayName:s ExpectNegativeAmount:b",
        status=False,
    ),
    build(
        "JournalEntry",
        "journalentries",
        """
        JournalEntryNumber:s100 JournalEntryNumberNumeric:i FinancialYearID:i Description:s200* NumberSeriesID:i
        NumberSeriesTaskID:i JournalEntryAccrualID:i JournalEntryDraftGroup:s ExternalReference:s ExternalSource:s
        IsExternal:b
        """,
        "Lines:JournalEntryLine[]",
    ),
    build(
        "JournalEntryLine",
        "journalentrylines",
        """
        JournalEntryID:i JournalEntryNumber:s100 JournalEntryNumberNumeric:i JournalEntryTypeID:i AccountID:i
        SubAccountID:i
        Amount:n! AmountCurrency:n CurrencyCodeID:i CurrencyExchangeRate:n RestAmount:n RestAmountCurrency:n
        FinancialDate:d DueDate:d RegisteredDate:d DocumentDate:d VatDate:d PeriodID:i VatPeriodID:i InvoiceNumber:s100
        PaymentID:s255 Description:s500* CustomerInvoiceID:i SupplierInvoiceID:i CustomerOrderID:i PaymentReferenceID:i
        PaymentInfoTypeID:i DimensionsID:i VatTypeID:i VatPercent:n VatDeductionPercent:n TaxBasisAmount:n
        TaxBasisAmountCurrency:n VatJournalEntryPostID:i VatReportID:i VatPostKey:s ReferenceCreditPostID:i
        OriginalReferencePostID:i PostPostJournalEntryLineID:i JournalEntryLineDraftID:i BatchNumber:i AccrualID:i
        CostAllocationID:i ItemSourceID:i NumberOfItems:n UnitOfMeasureID:i IsExternal:b Signature:s255*
        OriginalJournalEntryPost:i ReferenceOriginalPostID:i
        """,
        "JournalEntry:JournalEntry Account:Account SubAccount:Account Period:Period VatType:VatType "
        "Dimensions:Dimensions "
        "CustomerInvoice:CustomerInvoice SupplierInvoice:SupplierInvoice JournalEntryType:JournalEntryType "
        "CurrencyCode:CurrencyCode",
    ),
    build(
        "PostPost",
        "postposts",
        "JournalEntryLine1ID:i JournalEntryLine2ID:i Amount:n AmountCurrency:n Date:d CurrencyCodeID:i "
        "CurrencyExchangeRate:n",
    ),
    build(
        "Payment",
        "payments",
        """
        Amount:n AmountCurrency:n BankChargeAmount:n BusinessRelationID:i CustomerInvoiceID:i
        CustomerInvoiceReminderID:i
        SupplierInvoiceID:i VatReportID:i InvoiceNumber:s100 PaymentID:s100 InPaymentID:s36 PaymentDate:d DueDate:d
        IsCustomerPayment:b IsExternal:b IsPaymentClaim:b IsPaymentCancellationRequest:b AutoJournal:b
        ReconcilePayment:b
        FromBankAccountID:i ToBankAccountID:i ExternalBankAccountNumber:s35* Debtor:s255* Description:s* Domain:s100
        Proprietary:s100 JournalEntryID:i PaymentBatchID:i PaymentCodeID:i SigningBasketID:i TransactionID:s
        StatusText:s500* SerialNumberOrAcctSvcrRef:s35 CurrencyCodeID:i CurrencyExchangeRate:n
        PaymentStatusReportFileID:i PaymentNotificationReportFileID:i
        """,
    ),
    build("Budget", "budgets", "Name:s AccountingYear:i", "Entries:BudgetEntry[]"),
    build(
        "BudgetEntry",
        "budgetentries",
        "BudgetID:i AccountID:i DimensionsID:i PeriodNumber:i Amount:n",
        "Budget:Budget Account:Account Dimensions:Dimensions",
    ),
    build(
        "File",
        "files",
        "Name:s255* ContentType:s255 Size:i Pages:i Description:s* Md5:s255 StorageReference:s255 PermaLink:s1000",
        "EntityLinks:FileEntityLink[]",
    ),
    build("FileEntityLink", "", "FileID:i EntityType:s EntityID:i IsAttachment:b", "File:File"),
    build(
        "CompanySettings",
        "companysettings",
        """
        CompanyName:s255 OrganizationNumber:s100 BaseCurrencyCodeID:i CustomerAccountID:i SupplierAccountID:i
        CustomerCreditDays:i AccountingLockedDate:d VatLockedDate:d StoreDistributedInvoice:b MergeAttachments:b
        PresetCustomerInvoiceNumber:b SaveCustomersFromQuoteAsLead:b HideInActiveCustomers:b RoundingType:i
        RoundingNumberOfDecimals:i ShowNumberOfDecimals:i TaxMandatory:b CustomerInvoiceReminderSettingsID:i
        DefaultCustomerInvoiceReportID:i Localization:s10 WebAddress:s255 DefaultAddressID:i DefaultEmailID:i
        DefaultPhoneID:i
        """,
    ),
    build(
        "NumberSeries",
        "number-series",
        """
        Name:s DisplayName:s FromNumber:i ToNumber:i NextNumber:i AccountYear:i MainAccountID:i NumberSeriesTypeID:i
        NumberSeriesTaskID:i IsDefaultForTask:b Disabled:b Empty:b System:b NumberLock:b UseNumbersFromNumberSeriesID:i
        Comment:s255
        """,
        "NumberSeriesType:NumberSeriesType MainAccount:Account",
    ),
    build(
        "NumberSeriesType",
        "number-series-types",
        "Name:s EntityType:s EntityField:s EntitySeriesIDField:s Yearly:b CanHaveSeveralActiveSeries:b System:b",
    ),
    build(
        "Eventplan",
        "eventplans",
        "Name:s Active:b PlanType:i ModelFilter:s OperationFilter:s SigningKey:s JobNames:s Cargo:s IsSystemPlan:b",
        "Subscribers:EventSubscriber[] ExpressionFilters:ExpressionFilter[]",
    ),
    build("EventSubscriber", "eventsubscribers", "Name:s Endpoint:s Active:b Authorization:s Headers:s EventplanID:i"),
    build("ExpressionFilter", "expressionfilters", "EntityName:s Expression:s EventplanID:i"),
    build(
        "AuditLog",
        "auditlogs",
        "Action:s ClientID:s EntityID:i EntityType:s Field:s OldValue:s* NewValue:s* Verb:s Route:s Transaction:s",
        status=False,
    ),
    build("StatusLog", "statuslogs", "EntityType:s EntityID:i FromStatus:i ToStatus:i", status=False),
)

ENTITIES: dict[str, Entity] = {one.name: one for one in _ALL}
