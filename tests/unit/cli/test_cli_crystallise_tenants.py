"""What a tenant's policy keeps from a model, `rtfs crystallise --model` does not show it either."""

from __future__ import annotations

import pytest

pytest.importorskip("cryptography")

from tests.unit.cli.test_cli_crystallise import GOOD, Home, _logged, home

__all__ = ["_logged", "home"]


LIMITS = {'deny = ["remote:writer-*"]': False, 'allow = ["local:*"]': False, 'deny = ["remote:other"]': True}


@pytest.mark.parametrize("denied, shown", LIMITS.items())
def test_records_that_may_be_a_tenants_go_to_no_model_that_the_tenant_may_not_ask(home: Home, denied: str, shown: bool) -> None:
    home.write("delegation.toml", f"[tenants.acme]\n{denied}\n")
    code, out, err = home.crystallise(replies=[GOOD])
    assert (code == 0, len(home.model.asked)) == (shown, int(shown)), out + err
    assert shown or "tenant `acme`" in err
