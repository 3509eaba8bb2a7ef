"""What a project demands of bundles before it lets them near callers."""

import msgspec


class SecuritySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom a project trusts.

    Attributes:
        signers: files with public keys, PEM: a bundle is released and served only if it is signed by one of them. Empty
            where signatures are not asked for.
    """

    signers: tuple[str, ...] = ()
