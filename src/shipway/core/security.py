"""What a project demands of bundles before it lets them near callers."""

import msgspec


class SecuritySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom a project trusts, and what it dares.

    Attributes:
        signers: files with public keys, PEM: a bundle is released and served only if it is signed by one of them. Empty
            where signatures are not asked for.
        unpickle: whether models that are source and a pickle may be loaded, which runs code that is in them.
    """

    signers: tuple[str, ...] = ()
    unpickle: bool = False
