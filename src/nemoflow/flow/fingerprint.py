"""Identity: what a node's result depends on, as a hash.

`fingerprint = hash(step, version, identity fields of the config, fingerprints of the inputs)`. All of it is known before
anything runs: an input from another node has that node's fingerprint, an input from a URI the digest of its content.
Pool, image, root, shard count and the fields marked `tuning` are not part of it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import xxhash

from nemoflow.config import identity
from nemoflow.errors import InputError
from nemoflow.flow.pipeline import From, Node, Pipeline

WHOLE_BYTES = 64 * 2**20
"""Files up to this size are hashed whole. Of a larger one (the weights of a base model) the size and evenly spaced blocks
are hashed: 60 GB would take minutes at every start, and two different sets of weights never agree in all of them."""
BLOCKS, BLOCK_BYTES = 64, 2**20


def digest_path(path: Path) -> str:
    """Digest of a file's or folder's content; names of a folder's files count, times and owners do not."""
    digest = xxhash.xxh3_128()
    for file in [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file()):
        digest.update(b"" if file == path else file.relative_to(path).as_posix().encode() + b"\0")
        _digest_file(file, digest)
    return digest.hexdigest()


def _digest_file(file: Path, digest: "xxhash.xxh3_128") -> None:
    size = file.stat().st_size
    digest.update(str(size).encode() + b"\0")
    with file.open("rb") as stream:
        if size <= WHOLE_BYTES:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
            return
        for index in range(BLOCKS):
            stream.seek((size - BLOCK_BYTES) * index // (BLOCKS - 1))
            digest.update(stream.read(BLOCK_BYTES))


def fingerprints(pipeline: Pipeline, digest_uri: Callable[[str], str]) -> dict[str, str]:
    """Fingerprint of every node; `digest_uri` gives the identity of what a URI holds, asked once a URI."""
    known: dict[str, str] = {}
    uris: dict[str, str] = {}
    for node in pipeline.by_name.values():
        for source in node.inputs.values():
            if isinstance(source, str) and source not in uris:
                uris[source] = digest_uri(source)
        known[node.name] = _fingerprint(node, input_fingerprints(node, known, uris))
    return known


def input_fingerprints(node: Node, nodes: Mapping[str, str], uris: Mapping[str, str]) -> dict[str, str]:
    """Identity of each input: an output of a node is that node's fingerprint and the output's name."""
    return {
        name: f"{nodes[source.node]}.{source.output}" if isinstance(source, From) else uris[source] for name, source in node.inputs.items()
    }


def _fingerprint(node: Node, inputs: Mapping[str, str]) -> str:
    parts = [node.step.name, node.step.version, identity(node.config), dict(inputs)]
    return xxhash.xxh3_128_hexdigest(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))


def local_uri(uri: str) -> Path | None:
    """The path that a `file://` URI or a plain path names; None for another scheme."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    return None if "://" in uri else Path(uri)


def digest_local(uri: str) -> str:
    """Identity of a local file or folder; InputError where there is none."""
    path = local_uri(uri)
    if path is None or not path.exists():
        raise InputError(f"{uri}: no such file or folder")
    return digest_path(path)
