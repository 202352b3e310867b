"""The step `wake-teacher`: makes a teacher ready and says where it answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nemoflow.artifacts import Endpoint
from nemoflow.config import Config, tuning
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.inference.process import PORT
from nemoflow.inference.sizing import Demand, Sizing, size
from nemoflow.inference.tally import Price
from nemoflow.inference.teachers import Teacher, release, wake

Share = Annotated[float, Field(gt=0)]
AUTO = ("max_replicas", "requests", "tokens_per_request", "tokens_per_s", "finish_s")
"""Fields that `replicas = "auto"` is reckoned from."""


class MixedTeacher(Config):
    """A further teacher, which somebody else runs."""

    model: str = Field(min_length=1)
    """Name that its endpoint lists under /v1/models."""
    revision: str = ""
    """Revision of the model, where it has one."""
    weight: float = Field(1.0, gt=0)
    """Its share of the samples."""
    url: str = tuning()
    """The API's base."""
    api_key_env: str = tuning("")
    """Name of the environment variable that holds its key."""
    prompt_price: float = tuning(0.0, ge=0)
    """Money for a million tokens of prompts."""
    completion_price: float = tuning(0.0, ge=0)
    """Money for a million generated tokens."""
    more_urls: dict[str, Share] = tuning({})
    """Where it answers too, with shares."""


class WakeTeacherConfig(Config):
    """Which teacher, and how to come by it. Only model and revision are the endpoint's identity."""

    model: str
    """Name that the endpoint lists under /v1/models."""
    revision: str = ""
    """Revision of the model, where it has one."""
    kind: Literal["url", "process", "deployment"] = tuning("process")
    """`url`: an endpoint that somebody else runs; `process`: a command on this machine; `deployment`: one of Kubernetes that sleeps."""
    url: str = tuning("")
    """For `url` and `deployment`: the API's base, such as http://host:8000/v1."""
    command: tuple[str, ...] = tuning(())
    """For `process`: program and arguments; `{port}` becomes a free port. The program is looked for beside nemoflow first."""
    deployment: str = tuning("")
    """For `deployment`: its name."""
    namespace: str = tuning("")
    """For `deployment`: where it is; empty is the pod's own namespace, or the kubeconfig's."""
    replicas: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = tuning(1)
    """For `deployment`: how many to wake. `auto`: as many as answer `requests` within `finish_s`, but no more than `max_replicas`."""
    max_replicas: int = tuning(8, ge=1, le=1000)
    """For `auto`: at most so many. Those beyond the team's quota wait while the others work."""
    requests: int = tuning(0, ge=0)
    """For `auto`: how many requests are to be made, such as problems times `harvest.samples`."""
    tokens_per_request: float = tuning(3000.0, gt=0)
    """For `auto`: generated tokens of a mean answer."""
    tokens_per_s: float = tuning(0.0, ge=0)
    """For `auto`: tokens a second of one replica, all its requests together, as an earlier harvest's manifest shows."""
    finish_s: float = tuning(14400.0, gt=0)
    """For `auto`: seconds within which all answers should be there, loading not counted."""
    deadline_s: float = tuning(600.0, gt=0)
    """Seconds within which the model must be listed."""
    lifetime_s: float = tuning(43200.0, gt=0)
    """For `process`: seconds after which it is ended even if nobody releases it."""
    api_key_env: str = tuning("")
    """Name of the environment variable that holds the endpoint's key; the key itself is never written down."""
    prompt_price: float = tuning(0.0, ge=0)
    """Money for a million tokens of prompts; steps that ask tell the sum."""
    completion_price: float = tuning(0.0, ge=0)
    """Money for a million generated tokens."""
    more_urls: dict[str, Share] = tuning({})
    """Where the same model answers too, with each place's share of the requests against 1 for the first: {"http://host:8000/v1" = 1}."""
    weight: float = Field(1.0, gt=0)
    """Share of the samples against the teachers of `mixed`."""
    mixed: tuple[MixedTeacher, ...] = ()
    """Further teachers, each with its share of the samples; which one a sample is asked of depends on its problem and index alone."""

    @model_validator(mode="after")
    def _kind_has_its_fields(self) -> "WakeTeacherConfig":
        if not self.model:
            raise ValueError("model: name the model that the endpoint lists under /v1/models")
        if self.kind != "process" and (not self.url or self.command):
            raise ValueError(f'kind "{self.kind}" takes url, such as http://host:8000/v1, and no command')
        if (self.kind == "deployment") != bool(self.deployment):
            raise ValueError('kind "deployment" takes deployment, the name of one; the other kinds do not')
        if self.kind == "process" and (self.url or not any(PORT in word for word in self.command[1:])):
            raise ValueError('kind "process" takes command with an argument that holds {port}, and no url')
        names = [(self.model, self.revision), *((other.model, other.revision) for other in self.mixed)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"mixed: model {name[0]!r} comes twice; a second URL of one model goes into more_urls")
        if self.replicas == "auto" and not (self.kind == "deployment" and self.requests and self.tokens_per_s):
            raise ValueError('replicas "auto" is for kind "deployment" and takes requests and tokens_per_s, both above 0')
        return self

    @property
    def sizing(self) -> Sizing | None:
        """What `auto` comes to; None where the number is given."""
        if self.replicas != "auto":
            return None
        return size(Demand(self.requests, self.tokens_per_request, self.tokens_per_s, self.finish_s), self.max_replicas)

    @property
    def teacher(self) -> Teacher:
        """What `wake` takes."""
        mixed = tuple(Teacher(kind="url", **_priced(other)) for other in self.mixed)
        replicas = self.sizing.replicas if self.sizing else int(self.replicas)
        return Teacher(**{**_priced(self), "replicas": replicas, "mixed": mixed})


def _priced(config: WakeTeacherConfig | MixedTeacher) -> dict[str, Any]:
    """A teacher's fields."""
    fields = config.model_dump(exclude={"prompt_price", "completion_price", "mixed", *AUTO})
    return {**fields, "price": Price(prompt=config.prompt_price, completion=config.completion_price)}


def run(config: WakeTeacherConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Wake it, and end it again where its address cannot be written down."""
    context.progress.start(f"waking {config.model}")
    if config.sizing:
        context.progress.note(str(config.sizing))
    woken = wake(config.teacher, context.scratch.path(), context.holder_pid, context.progress.note, context.stopping)
    try:
        context.scratch.save()
        outputs["endpoint"].write_json("endpoint.json", woken.endpoint.model_dump())
    except BaseException:
        release(woken.endpoint)
        raise
    metrics = {"ready_s": round(woken.seconds, 3), "adopted": int(woken.adopted)}
    sleeping = woken.endpoint.deployment
    return Outcome(metrics={**metrics, "replicas": sleeping.replicas} if sleeping else metrics)


WAKE_TEACHER = Step(
    name="wake-teacher", version=1, config=WakeTeacherConfig, run=run, outputs={"endpoint": Endpoint}, pool="cpu", effect=True
)
