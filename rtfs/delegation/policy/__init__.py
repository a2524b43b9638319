"""The policy file: rules that say where calls go, in `delegation.toml` or in the table `[delegation]` of `rtfs.toml`.

    text ──tomllib──▶ tables ──reading (fields)──▶ Policy ──index──▶ PolicyEngine.decide
      └───places──▶ lines of keys ──▶ problems that name line and key
"""
