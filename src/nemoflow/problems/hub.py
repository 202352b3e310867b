"""Problems of the Hugging Face hub, through `datasets`: a stream of rows, at one revision that every problem then names.

fetched = fetch("gsm8k", revision="")         # the newest; `fetched.revision` says which that is
for problem in fetched.problems: ...
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nemoflow.errors import ConfigError, InputError, StoreError
from nemoflow.problems.catalog import SOURCES, Gathered
from nemoflow.problems.rows import Row
from nemoflow.problems.source import Hub
from nemoflow.records import Problem


@dataclass(frozen=True)
class Fetched:
    """A dataset at a revision."""

    repo: str
    revision: str
    """The commit, in full."""
    problems: list[Problem]


def fetch(name: str, repo: str = "", config: str | None = None, split: str = "", revision: str = "", limit: int | None = None) -> Fetched:
    """Read a source from the hub; what is not given is the source's own.

    Raises ConfigError where `datasets` is missing or the source is not on the hub, InputError where the hub has no such set or asks for
    a token, StoreError (try again) where it cannot be reached.
    """
    source = SOURCES.get(name)
    if source is None:
        raise ConfigError(f"source {name!r}: known sources: {', '.join(SOURCES)}")
    if not repo and source.hub is None:
        raise ConfigError(f"source {name!r}: is a layout of files, not a set of the hub; name one by --repo, or hand in the file")
    own = source.hub or Hub(repo)
    hub = Hub(repo or own.repo, split or own.split, config if repo or config else own.config)
    _require_datasets()
    commit = _commit(hub, revision)
    gathered = Gathered(source)
    rows = (Row(Path(f"{hub.repo}@{commit[:12]}"), number, value) for number, value in enumerate(_stream(hub, commit, limit), 1))
    for number, problem in enumerate(source.read(rows, commit), 1):
        gathered.add(problem, f"{hub.repo}: row {number}")
    if not gathered.problems:
        raise InputError(f"{hub.repo}: split {hub.split!r} holds no problem")
    return Fetched(hub.repo, commit, gathered.problems)


def _require_datasets() -> None:
    try:
        import datasets  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError("fetching from the hub needs datasets, which is not installed; `pip install nemoflow[hub]`") from None


def _commit(hub: Hub, revision: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return str(HfApi().dataset_info(hub.repo, revision=revision or None, timeout=20).sha)
    except GatedRepoError:
        raise InputError(f"{hub.repo}: its owner asks to accept terms first; do so on its page, and give HF_TOKEN") from None
    except RevisionNotFoundError:
        raise InputError(f"{hub.repo}: has no revision {revision!r}") from None
    except RepositoryNotFoundError:
        raise InputError(f"{hub.repo}: the hub has no such dataset, or it is private: then give HF_TOKEN") from None
    except Exception as error:  # noqa: BLE001 (hub, its HTTP client and the system each have errors of their own for this)
        raise _away(hub, error) from None


def _stream(hub: Hub, commit: str, limit: int | None) -> Iterator[dict[str, Any]]:
    import datasets

    try:
        rows = datasets.load_dataset(hub.repo, hub.config, split=hub.split, revision=commit, streaming=True)
        yield from islice(rows, limit)
    except ValueError as error:  # no such config or split: datasets' message lists those there are
        raise InputError(f"{hub.repo}: {error}") from None
    except Exception as error:  # noqa: BLE001 (the same, and those of Arrow)
        raise _away(hub, error) from None


def _away(hub: Hub, error: Exception) -> StoreError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return StoreError(
        f"{hub.repo}: the hub cannot be reached ({reason}); where there is no network, download the set elsewhere and hand the file in: "
        "`nemoflow step load-problems --input file=FILE --set '{\"format\": ...}'`"
    )
