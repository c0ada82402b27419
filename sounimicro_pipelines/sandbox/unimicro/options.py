"""How the simulated ERP behaves: what the vendor leaves open, what tests switch, and who may do what."""

from __future__ import annotations

from dataclasses import dataclass, field

from sounimicro_pipelines.sandbox.unimicro.query import QueryOptions

GRANTED_SCOPES = frozenset(
    {"AppFramework", "Sales.Invoice", "Sales.Order", "Sales.Quote", "Sales.Admin", "Webhook.Admin", "Administrator"}
)


@dataclass(slots=True)
class ErpOptions:
    """Switches of one simulated ERP.

    `token_seconds`: lifetime of an access token. `unknown_path_status`: 404, or the 401 that is also documented.
    `scopes`: what the client has been given; asking for more is `invalid_scope`. `no_company_access`: keys of companies
    that the client may not use (they are not listed either). `denied`: entity names that answer 403, for one company
    key or for all (""). `wrap_always`: statistics answer wrapped also with wrap=false, as older deployments do.
    `company_spelling`: "Key" or "CompanyKey" in the companies list. `signature_header`: what webhooks are signed in.
    `webhooks_lost`: share of deliveries that never arrive. `webhook_failures_before_block`: refusals in a row after
    which a URL is blocked. `metadata` and `audit`: whether the model metadata with the current session, and the audit
    log, exist at all. `put_clears_omitted`: a PUT clears scalars that it leaves out. `endpoints_published`: whether
    /api/endpoints answers. `links_unasked`: `_links` come unless `hateoas=false`, as in old captures.
    """

    query: QueryOptions = field(default_factory=QueryOptions)
    token_seconds: int = 3600
    unknown_path_status: int = 404
    scopes: frozenset[str] = GRANTED_SCOPES
    no_company_access: set[str] = field(default_factory=set)
    denied: dict[str, set[str]] = field(default_factory=dict)
    wrap_always: bool = False
    company_spelling: str = "Key"
    signature_header: str = "Unimicro-Signature"
    webhooks_lost: float = 0.0
    webhook_failures_before_block: int = 5
    metadata: bool = True
    audit: bool = True
    put_clears_omitted: bool = False
    endpoints_published: bool = True
    links_unasked: bool = False

    def is_denied(self, company_key: str, entity: str) -> bool:
        return entity in self.denied.get("", ()) or entity in self.denied.get(company_key, ())
