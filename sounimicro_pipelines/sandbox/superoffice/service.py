"""A tenant filled from the register, ready to be served, and the settings by which a client reaches it."""

from __future__ import annotations

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.journal import WriteJournal
from sounimicro_pipelines.sandbox.keys import SandboxKeys
from sounimicro_pipelines.sandbox.superoffice import seed
from sounimicro_pipelines.sandbox.superoffice.options import Application, CrmOptions, Identity
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.world import Register

CLIENT_ID = "sandbox-superoffice-client"
CLIENT_SECRET = "sandbox-superoffice-secret"  # noqa: S105 - opens nothing but the sandbox
SYSTEM_USER_TOKEN = "Sounimicro-sandboxToken"  # noqa: S105 - opens nothing but the sandbox


def open_tenant(
    keys: SandboxKeys, register: Register, clock: Clock, journal: WriteJournal, options: CrmOptions | None = None
) -> CrmState:
    """A tenant with the register's companies, persons and projects in it; serve it with `create_app`."""
    state = CrmState(
        options or CrmOptions(),
        Application(CLIENT_ID, CLIENT_SECRET, SYSTEM_USER_TOKEN, keys.crm_application_key.public_key()),
        Identity(keys.crm_identity_key, keys.crm_identity_key_id),
        clock=clock,
        journal=journal,
    )
    seed.fill(state, register)
    return state


def environment(state: CrmState, url: str, keys: SandboxKeys) -> dict[str, str]:
    """The settings by name, for the tenant served at `url`."""
    return {
        "SUPEROFFICE_ENVIRONMENT_URL": url,
        "SUPEROFFICE_TENANT": state.options.tenant,
        "SUPEROFFICE_CLIENT_ID": state.application.client_id,
        "SUPEROFFICE_CLIENT_SECRET": state.application.client_secret,
        "SUPEROFFICE_SYSTEM_USER_TOKEN": state.application.system_user_token,
        "SUPEROFFICE_PRIVATE_KEY_FILE": str(keys.crm_private_key_file),
    }
