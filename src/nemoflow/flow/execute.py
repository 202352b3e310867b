"""execute: the only place that resolves addresses, opens the error boundary, times the work and publishes it.

The command line, the local run and a pod all end here.
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from nemoflow.errors import EXIT_BUG, ConfigError, DriftError, NemoflowError, StoreError
from nemoflow.flow.artifact import LocalInput, StoredInput, StoredOutput
from nemoflow.flow.build import code_version
from nemoflow.flow.claim import claim
from nemoflow.flow.fingerprint import fingerprints, input_fingerprints
from nemoflow.flow.manifest import FailureRecord, InputRecord, Manifest, manifest_key, node_key, shard_suffix
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.place import Place, index_key
from nemoflow.flow.plan import differences, is_transient
from nemoflow.flow.scratch import StoredRows, StoredScratch, ledgers
from nemoflow.flow.step import Context, Outcome, Shard

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_BYTES = 2**20
"""A disk with less than this left counts as full when a step fails on it."""
WHEN_FULL = "free space there and run again, what was finished is kept"


def execute(
    pipeline: Pipeline, name: str, place: Place, shard: Shard | None = None, *, force: bool = False, fresh: bool = False
) -> Manifest:
    """Do one node's work, or one shard of it, and return its manifest; work that is already done is not done again.

    What another run under the root made is taken over, unless `fresh`. Raises DriftError where the address holds another result
    (unless `force`), ClaimError where another process is at it, and whatever the step raises, after writing it down as the node's
    failure.
    """
    node = pipeline.node(name)
    shard = shard or Shard(0, 1)
    if shard.count > 1 and not node.step.sharded:
        raise ConfigError(f"{name}: shard {shard.index}/{shard.count}: step {node.step.name!r} needs all rows at once; run it whole")
    prints = fingerprints(pipeline, place.digest_uri)
    transient = is_transient(pipeline, node) or node is pipeline.cleanup
    with claim(place.store, f"{node_key(place.run, name)}/claim{shard_suffix(shard)}.json", place.claim_wait_s, place.stopping):
        if transient:
            _forget(place, node)  # an attempt begins by removing the outputs that the manifest of the last one lists
            return _attempt(node, prints, place, shard)
        # Looked up under the claim: who held it a moment ago may have finished the work.
        if (done := _done(node, prints, place, shard, force=force)) is not None:
            return done
        if not fresh and not node.step.effect and (found := place.indexed(node.step.name, prints[name])) is not None:
            return reuse(name, found, place)
        return _attempt(node, prints, place, shard)


def reuse(name: str, found: Manifest, place: Place) -> Manifest:
    """Give a node of this run a small manifest of its own that refers to the run that made its result."""
    first = found.reused_from or node_key(found.run, found.node)
    own = found.model_copy(update={"run": place.run, "node": name, "reused_from": first, "seconds": 0.0, "started": _now()})
    place.store.write_bytes(manifest_key(place.run, name, Shard()), own.to_json())
    return own


def _done(node: Node, prints: Mapping[str, str], place: Place, shard: Shard, *, force: bool) -> Manifest | None:
    found = place.manifest(node.name) or place.shard_manifest(node.name, shard)
    if found is None:
        return None
    if found.fingerprint == prints[node.name]:
        return found if place.objects_exist(found) else None
    if not force:
        changes = "; ".join(differences(found, node, prints)) or "its code or inputs changed"
        raise DriftError(
            f"{place.store.address(node_key(place.run, node.name))} holds another result: {changes}; use --force or another --run"
        )
    _forget(place, node)
    return None


def _forget(place: Place, node: Node) -> None:
    """Remove a node's manifests before its outputs are overwritten: a manifest never lists what is half replaced."""
    key = node_key(place.run, node.name)
    for entry in list(place.store.list(key)):
        if entry.key.startswith(f"{key}/manifest"):
            place.store.delete(entry.key)


def _attempt(node: Node, prints: Mapping[str, str], place: Place, shard: Shard) -> Manifest:
    started, begun = _now(), time.monotonic()
    failure_key = f"{node_key(place.run, node.name)}/failure{shard_suffix(shard)}.json"
    scratch = scratch_of(node, prints, place, shard)
    try:
        manifest = _run_step(node, prints, place, shard, scratch, started, begun)
    except BaseException as error:
        scratch.close()
        known = _as_nemoflow_error(error, place)
        passing = place.tries.passing(_failure(place, node, shard), known)
        known = place.tries.judge(known, passing)
        record = FailureRecord(
            error=str(known or error) or type(error).__name__,
            type=type(known or error).__name__,
            exit_code=known.exit_code if known else EXIT_BUG,
            started=started,
            seconds=round(time.monotonic() - begun, 3),
            passing=passing,
        )
        _write_failure(place, failure_key, record)
        if known is not None and known is not error:
            raise known from error
        raise
    place.store.write_bytes(manifest_key(place.run, node.name, shard), manifest.to_json())
    place.store.delete(failure_key)
    if node.step.effect:
        scratch.close()  # what an effect left running may still write its log there
        return manifest
    scratch.discard()
    whole = place.manifest(node.name)
    if whole is not None and whole.is_complete:
        pointer = orjson.dumps({"run": place.run, "node": node.name})
        place.store.write_bytes(index_key(node.step.name, manifest.fingerprint), pointer)
    return manifest


def _run_step(
    node: Node, prints: Mapping[str, str], place: Place, shard: Shard, scratch: StoredScratch, started: str, begun: float
) -> Manifest:
    key = node_key(place.run, node.name)
    with ExitStack() as stack:
        inputs = open_inputs(node, prints, place, stack)
        outputs = {
            name: StoredOutput(kind, place.store, f"{key}/{name}", shard_suffix(shard), place.compress)
            for name, kind in node.step.outputs.items()
        }
        for output in outputs.values():
            stack.callback(output.close)
        if shard.count == 1:
            for name in outputs:
                place.store.delete(f"{key}/{name}")
        outcome = _skipped_input(node, place)
        if outcome is None:
            outcome = node.step.run(node.config, inputs, outputs, context_of(place, scratch, shard))
        return Manifest(
            run=place.run,
            node=node.name,
            step=node.step.name,
            version=node.step.version,
            fingerprint=prints[node.name],
            config=node.config.model_dump(mode="json"),
            inputs={name: InputRecord(address=opened.address, fingerprint=opened.fingerprint) for name, opened in inputs.items()},
            outputs={name: output.finish() for name, output in outputs.items()},
            metrics=dict(outcome.metrics),
            rows_in=outcome.rows_in,
            dropped=dict(outcome.dropped),
            status=outcome.status,
            reason=outcome.reason,
            is_complete=outcome.is_complete and all(opened.is_complete for opened in inputs.values()),
            shard=(shard.index, shard.count),
            started=started,
            seconds=round(time.monotonic() - begun, 3),
            code=code_version(),
            image=os.environ.get("NEMOFLOW_IMAGE", ""),
            engines=dict(outcome.engines),
        )


def scratch_of(node: Node, prints: Mapping[str, str], place: Place, shard: Shard) -> StoredScratch:
    """What earlier attempts at the same work left behind."""
    return StoredScratch(place.store, f"{node_key(place.run, node.name)}/scratch{shard_suffix(shard)}-{prints[node.name][:12]}")


def open_inputs(node: Node, prints: Mapping[str, str], place: Place, stack: ExitStack) -> dict[str, StoredInput | LocalInput]:
    """A node's inputs by name, closed with the stack."""
    uris = {source: place.digest_uri(source) for source in node.inputs.values() if isinstance(source, str)}
    wanted = input_fingerprints(node, prints, uris)
    inputs = {name: place.open_input(node, name, wanted[name]) for name in node.inputs}
    for opened in inputs.values():
        stack.callback(opened.close)
    return inputs


def context_of(place: Place, scratch: StoredScratch, shard: Shard, finished: Callable[[], bool] = lambda: False) -> Context:
    """What a step is told of its surroundings."""
    return Context(
        shard=shard,
        progress=place.progress,
        scratch=scratch,
        shared=StoredRows(place.store),
        ledgers=ledgers(place.store),
        stopping=place.stopping,
        holder_pid=place.holder_pid,
        gang=place.gang,
        finished=finished,
    )


def _skipped_input(node: Node, place: Place) -> Outcome | None:
    """A gate upstream decided against the work: what needs its result is skipped as well."""
    for name in node.step.required_inputs:
        source = node.inputs[name]
        if isinstance(source, From):
            upstream = place.manifest(source.node)
            if upstream is not None and upstream.status == "skipped":
                return Outcome(status="skipped", reason=f"input {name!r} was skipped: {upstream.reason}")
    return None


def _as_nemoflow_error(error: BaseException, place: Place) -> NemoflowError | None:
    if isinstance(error, NemoflowError):
        return error
    if isinstance(error, OSError) and error.errno in FULL:
        return StoreError(f"{error.filename or place.store.root}: {error.strerror}; {WHEN_FULL}")
    full = _full_disk(error, place)
    return StoreError(f"{full}: no space left; {WHEN_FULL}; it showed as {type(error).__name__}: {error}") if full else None


def _full_disk(error: BaseException, place: Place) -> str:
    """The folder whose disk is full, empty where none is. Libraries hide the cause: torch tells of an unexpected file position."""
    local = place.store.local_path("runs")
    folders = [folder for folder in (local, Path(tempfile.gettempdir())) if folder is not None and folder.exists()]
    if not isinstance(error, Exception) or not folders:
        return ""
    says_so = os.strerror(errno.ENOSPC) in str(error)
    return next((str(folder) for folder in folders if shutil.disk_usage(folder).free < FULL_BYTES), str(folders[0]) if says_so else "")


def _failure(place: Place, node: Node, shard: Shard) -> FailureRecord | None:
    """How the attempt before ended; None where the store does not say."""
    try:
        return place.failure(node.name, shard)
    except (StoreError, ValidationError):
        return None


def _write_failure(place: Place, key: str, record: FailureRecord) -> None:
    try:
        place.store.write_bytes(key, record.model_dump_json(indent=1).encode())
    except StoreError:
        place.progress.note(f"the failure could not be written down at {place.store.address(key)}: {record.error}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
