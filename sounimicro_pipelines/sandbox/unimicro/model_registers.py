"""Model text of the registers: who we deal with, dimensions, settings, users, files, logs and events."""

from __future__ import annotations

REGISTERS = """
Customer customers GET,POST,PUT,DELETE
CustomerNumber i, OrgNumber s100, BusinessRelationID i, IsPrivate b, SocialSecurityNumber s20, DefaultSellerID i
CreditDays i, PaymentTermsID i, DeliveryTermsID i, CurrencyCodeID i, VatTypeID i, DimensionsID i, CustomerGroupID i
SubAccountNumberSeriesID i, WebUrl s255, GLN s13, PeppolAddress s50, EInvoiceAgreementReference s50
EfakturaIdentifier s100, AvtaleGiro b, AvtaleGiroNotification b, CustomerNumberKidAlias s255, DontSendReminders b
CalculateInterestOnReminders b, ReminderEmailAddress s255, DontUseFactoring b, FactoringNumber i, InvoiceChargeID i
AcceptableDelta4CustomerPayment n, AcceptableDelta4CustomerPaymentAccountID i, DefaultDistributionsID i
DefaultCustomerQuoteReportID i, DefaultCustomerOrderReportID i, DefaultCustomerInvoiceReportID i, Localization s10
> Info:BusinessRelation.BusinessRelationID, DefaultSeller:Seller.DefaultSellerID, PaymentTerms:Terms.PaymentTermsID
> DeliveryTerms:Terms.DeliveryTermsID, Dimensions:Dimensions.DimensionsID, VatType:VatType.VatTypeID
> CurrencyCode:CurrencyCode.CurrencyCodeID, SubAccountNumberSeries:NumberSeries.SubAccountNumberSeriesID
< Account:Account.CustomerID
* CustomerQuotes:CustomerQuote.CustomerID, CustomerOrders:CustomerOrder.CustomerID
* CustomerInvoices:CustomerInvoice.CustomerID, Sellers:SellerLink.CustomerID, Companies:SubCompany.CustomerID

Supplier suppliers GET,POST,PUT,DELETE
SupplierNumber i, OrgNumber s100, BusinessRelationID i, CreditDays i, CurrencyCodeID i, DimensionsID i
CostAllocationID i, StandardCostAccountID i, PostingMethod i, PreventSupplierInvoicePayments b, SelfEmployed b
HasDirectDebit b, SubAccountNumberSeriesID i, WebUrl s255, GLN s13, PeppolAddress s50, Localization s10
> Info:BusinessRelation.BusinessRelationID, Dimensions:Dimensions.DimensionsID
> CurrencyCode:CurrencyCode.CurrencyCodeID, SubAccountNumberSeries:NumberSeries.SubAccountNumberSeriesID
< Account:Account.SupplierID

BusinessRelation business-relations GET,POST,PUT,DELETE
Name s255, DefaultContactID i, DefaultEmailID i, DefaultPhoneID i, DefaultBankAccountID i, InvoiceAddressID i
ShippingAddressID i
> DefaultContact:Contact.DefaultContactID, DefaultEmail:Email.DefaultEmailID, DefaultPhone:Phone.DefaultPhoneID
> DefaultBankAccount:BankAccount.DefaultBankAccountID, InvoiceAddress:Address.InvoiceAddressID
> ShippingAddress:Address.ShippingAddressID
* Addresses:Address.BusinessRelationID, Phones:Phone.BusinessRelationID, Emails:Email.BusinessRelationID
* Contacts:Contact.ParentBusinessRelationID, BankAccounts:BankAccount.BusinessRelationID

Contact contacts GET,POST,PUT,DELETE
InfoID i, ParentBusinessRelationID i, Role s100, Comment s500
> Info:BusinessRelation.InfoID, ParentBusinessRelation:BusinessRelation.ParentBusinessRelationID

Address - GET
AddressLine1 s255, AddressLine2 s255, AddressLine3 s255, PostalCode s100, City s100, Region s100, Country s100
CountryCode s100, BusinessRelationID i
> BusinessRelation:BusinessRelation.BusinessRelationID

Phone - GET
Number s255, CountryCode s100, Type i, Description s255, BusinessRelationID i
> BusinessRelation:BusinessRelation.BusinessRelationID

Email - GET
EmailAddress s255, Type s100, Description s255, BusinessRelationID i
> BusinessRelation:BusinessRelation.BusinessRelationID

BankAccount - GET
AccountNumber s255, BankAccountType s100, BankID i, BusinessRelationID i, CompanySettingsID i, IBAN s255, AccountID i
Locked b
> BusinessRelation:BusinessRelation.BusinessRelationID, Account:Account.AccountID

Project projects GET,POST,PUT,DELETE
ProjectNumber s255, ProjectNumberNumeric i, ProjectNumberSeriesID i, Name s255, Description s500, ProjectCustomerID i
ProjectLeadName s255, ProjectApproverID i, StartDate d, EndDate d, PlannedStartdate d, PlannedEnddate d, Amount n
CostPrice n, Price n, Total n, WorkPlaceAddressID i, DimensionsID i, AGAZoneID i, Visible b
> ProjectCustomer:Customer.ProjectCustomerID, WorkPlaceAddress:Address.WorkPlaceAddressID
> ProjectApprover:User.ProjectApproverID, Dimensions:Dimensions.DimensionsID
* ProjectTasks:ProjectTask.ProjectID, ProjectResources:ProjectResource.ProjectID

ProjectTask projects-tasks GET,POST,PUT,DELETE
ProjectID i, Number s255, SuggestedNumber s255, Name s255, Description s500, StartDate d, EndDate d, Amount n
CostPrice n, Price n, Total n
> Project:Project.ProjectID

ProjectResource projects-resources GET,POST,PUT,DELETE
ProjectID i, UserID i, Name s255, Responsibility s255
> Project:Project.ProjectID, User:User.UserID

Department departments GET,POST,PUT,DELETE
DepartmentNumber s255, DepartmentNumberNumeric i, DepartmentNumberSeriesID i, Name s100, Description s100
DepartmentManagerName s100, DepartmentApproverID i, Visible b

Dimensions dimensions GET
ProjectID i, DepartmentID i, ProjectTaskID i, RegionID i, ResponsibleID i, AssetID i, Dimension5ID i, Dimension6ID i
Dimension7ID i, Dimension8ID i, Dimension9ID i, Dimension10ID i
> Project:Project.ProjectID, Department:Department.DepartmentID, ProjectTask:ProjectTask.ProjectTaskID
> Dimension5:Dimension5.Dimension5ID
< Info:DimensionsInfo.DimensionsID

DimensionsInfo - GET
DimensionsID i, ProjectName s255, ProjectNumber s255, DepartmentName s255, DepartmentNumber s255

Dimension5 Dimension5 GET,POST,PUT,DELETE
Number s255, NumberNumeric i, Name s255, Description s255, Visible b

DimensionSettings dimensionsettings GET,POST,PUT,DELETE
Dimension i, Label s255, IsActive b

Seller sellers GET,POST,PUT,DELETE
Name s30, UserID i, EmployeeID i, TeamID i, DefaultDimensionsID i, DefaultOurReference b
> DefaultDimensions:Dimensions.DefaultDimensionsID, User:User.UserID, Team:Team.TeamID

SellerLink sellerlinks GET,POST,PUT,DELETE
SellerID i, Percent n, Amount n, CustomerID i, CustomerQuoteID i, CustomerOrderID i, CustomerInvoiceID i
RecurringInvoiceID i
> Seller:Seller.SellerID, Customer:Customer.CustomerID, CustomerQuote:CustomerQuote.CustomerQuoteID
> CustomerOrder:CustomerOrder.CustomerOrderID, CustomerInvoice:CustomerInvoice.CustomerInvoiceID

Team teams GET,POST,PUT,DELETE
Name s255

Terms terms GET,POST,PUT,DELETE
Name s30, Description s255, CreditDays i, TermsType i

CurrencyCode currencycodes GET,POST,PUT,DELETE
Code s, Name s, ShortCode s, Description s

Currency currencies GET,POST
FromCurrencyCodeID i, ToCurrencyCodeID i, ExchangeRate n, Factor i, FromDate d, ToDate d, Source i
> FromCurrencyCode:CurrencyCode.FromCurrencyCodeID, ToCurrencyCode:CurrencyCode.ToCurrencyCodeID

SubEntity subentities GET,POST,PUT,DELETE
OrgNumber s, SuperiorOrganizationID i, BusinessRelationID i, MunicipalityNo s, AgaZone i, AgaRule i, freeAmount n
> BusinessRelationInfo:BusinessRelation.BusinessRelationID

SubCompany subcompanies GET,POST,PUT,DELETE
CompanyID i, CompanyKey s, CompanyName s, CustomerID i, CompanyType i
> Customer:Customer.CustomerID

CompanySettings companysettings GET,PUT
CompanyName s255, OrganizationNumber s100, BaseCurrencyCodeID i, CustomerAccountID i, SupplierAccountID i
CustomerCreditDays i, AccountingLockedDate d, VatLockedDate d, StoreDistributedInvoice b, MergeAttachments b
PresetCustomerInvoiceNumber b, SaveCustomersFromQuoteAsLead b, HideInActiveCustomers b, RoundingType i
RoundingNumberOfDecimals i, ShowNumberOfDecimals i, TaxMandatory b, CustomerInvoiceReminderSettingsID i
DefaultCustomerInvoiceReportID i, Localization s10, WebAddress s255, DefaultAddressID i, DefaultEmailID i
DefaultPhoneID i
> BaseCurrencyCode:CurrencyCode.BaseCurrencyCodeID, DefaultAddress:Address.DefaultAddressID
> DefaultEmail:Email.DefaultEmailID, DefaultPhone:Phone.DefaultPhoneID

User users GET,POST,PUT
DisplayName s255, Email s255, UserName s255, PhoneNumber s255, GlobalIdentity s, LastLogin dt, Protected b

UserRole userroles GET
UserID i, SharedRoleId i, SharedRoleName s
> User:User.UserID

NumberSeries number-series GET,POST,PUT,DELETE
Name s255, DisplayName s255, FromNumber i, ToNumber i, NextNumber i, AccountYear i, MainAccountID i
NumberSeriesTypeID i, NumberSeriesTaskID i, IsDefaultForTask b, Disabled b, Empty b, System b, NumberLock b
UseNumbersFromNumberSeriesID i, Comment s255
> NumberSeriesType:NumberSeriesType.NumberSeriesTypeID, NumberSeriesTask:NumberSeriesTask.NumberSeriesTaskID
> MainAccount:Account.MainAccountID

NumberSeriesType number-series-types GET
Name s255, EntityType s255, EntityField s255, EntitySeriesIDField s255, Yearly b, CanHaveSeveralActiveSeries b
System b

NumberSeriesTask number-series-tasks GET
Name s255, EntityType s255

File files GET,POST,PUT,DELETE
Name s255, ContentType s255, Size i, Pages i, Description s, Md5 s255, StorageReference s255, PermaLink s1000
OCRData s, encryptionID i
* EntityLinks:FileEntityLink.FileID, FileTags:FileTag.FileID

FileEntityLink - GET
FileID i, EntityType s, EntityID i, IsAttachment b
> File:File.FileID

FileTag filetags GET,POST,DELETE
FileID i, TagName s255, Status i
> File:File.FileID

Tracelink - GET
SourceEntityName s, SourceInstanceID i, DestinationEntityName s, DestinationInstanceID i, Date d

Eventplan eventplans GET,POST,PUT,DELETE
Name s, Active b, PlanType i, ModelFilter s, OperationFilter s, SigningKey s, JobNames s, Cargo s, IsSystemPlan b
* Subscribers:EventSubscriber.EventplanID, ExpressionFilters:ExpressionFilter.EventplanID

EventSubscriber eventsubscribers GET,POST,PUT,DELETE
Name s, Endpoint s, Active b, Authorization s, Headers s, EventplanID i
> Eventplan:Eventplan.EventplanID

ExpressionFilter expressionfilters GET,POST,PUT,DELETE
EntityName s, Expression s, EventplanID i
> Eventplan:Eventplan.EventplanID

AuditLog auditlogs GET
Action s, ClientID s, EntityID i, EntityType s, Field s, OldValue s, NewValue s, Verb s, Route s, Transaction s

StatusLog statuslogs GET
EntityType s, EntityID i, FromStatus i, ToStatus i

Status - GET
Description s, EntityType s, System b, StatusCategoryID i

CustomField custom-fields GET,POST,PUT,DELETE
ModelID i, Name s255, DataType s255, Nullable b
"""
