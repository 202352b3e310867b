"""From an address to a store."""

from nemoflow.errors import ConfigError
from nemoflow.store.folder import FolderStore
from nemoflow.store.protocol import Store


def open_store(root: str) -> Store:
    """The store at a folder's path or at `s3://bucket/prefix`; a bucket is asked whether it is there.

    Example: `open_store("nemoflow-data").read_bytes("runs/demo/mix/manifest.json")`.
    """
    scheme, found, rest = root.partition("://")
    if not found:
        if not root:
            raise ConfigError("root: empty; a root is a folder such as nemoflow-data, or s3://bucket/prefix")
        return FolderStore(root)
    if scheme != "s3":
        raise ConfigError(f"root {root!r}: {scheme}:// is not supported; a root is a folder such as nemoflow-data, or s3://bucket/prefix")
    from nemoflow.store.s3 import S3Store
    from nemoflow.store.s3_server import Server

    bucket, prefix = _bucket_and_prefix(root, rest)
    return S3Store(Server.from_environment(), bucket, prefix)


def _bucket_and_prefix(root: str, rest: str) -> tuple[str, str]:
    bucket, _, prefix = rest.partition("/")
    if not bucket:
        raise ConfigError(f"root {root!r}: names no bucket; it should be s3://bucket/prefix")
    return bucket, prefix.rstrip("/")
