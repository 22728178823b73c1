"""The transcription of what is heard in a session: another model's work, admitted by the stretch before it is heard.

A stretch is a request of its own, held for so much sound as it is long. Its usage is what the provider tells with each
transcript; when it is used up the next one is asked for, and nothing is heard that no stretch covers.
"""

import asyncio

from services.router.job import Ending, Job, attempted, failed, now_ms
from services.router.realtime.admissions import Admissions
from services.router.realtime.state import State
from shared.errors import BudgetExceeded, InvalidRequest, Unavailable
from shared.serving.deployments import Deployment
from shared.serving.model_groups import DeploymentsByName
from shared.usage import NOTHING, Usage, added, usage_from_transcription

CALL_TYPE = "atranscription"
STRETCH_MS = 30_000
"""Of sound, silence included."""


class _Stretch:
    def __init__(self, job: Job, deployment: Deployment) -> None:
        self.job = job
        self.deployment = deployment
        self.started_ms = now_ms()
        self.usage = NOTHING
        self.counted = False  # some of its usage is known only by the length of what was heard
        self.over = asyncio.Event()


class Transcripts:
    """One session's. `model` is the client's name of what transcribes, "" where nothing does."""

    def __init__(self, state: State, admissions: Admissions, deployments: DeploymentsByName) -> None:
        self._state = state
        self._admissions = admissions
        self._deployments = deployments
        self._deployment: Deployment | None = None
        self._left_ms = 0
        self._untold_ms: list[int] = []  # of each turn that is not transcribed yet
        self._open: list[_Stretch] = []
        self.model = ""

    def begin(self, model: str) -> str:
        """Return the provider's name of the model that is to transcribe from now on.

        Raises:
            InvalidRequest: it is none of the configuration's, at the session's provider.
        """
        provider = self._state.deployment.provider
        found = next((one for one in self._deployments.get(model, ()) if one.provider == provider), None)
        if found is None:
            raise InvalidRequest(
                f"'{model[:200]}' cannot transcribe in this session: it must be a model of this gateway that the key "
                f"may use, at the session's provider '{provider}'. The operator adds it to model_list.",
                param="session.audio.input.transcription.model",
            )
        if model != self.model:
            self._left_ms = 0
        self.model, self._deployment = model, found
        return found.model

    def end(self) -> None:
        """Nothing is to be transcribed from now on."""
        self.model = ""

    def needs(self, milliseconds: int) -> bool:
        """Return whether a further stretch must be admitted before so much more is heard; else it is used up."""
        if not self.model or self._left_ms >= milliseconds:
            self._left_ms -= milliseconds if self.model else 0
            return False
        return True

    async def admitted(self, job: Job) -> Ending:
        """Cover a further stretch of sound, until it is used up and all of it was transcribed."""
        asked, deployment = self._admissions.of(job.call.request.request_id), self._deployment
        if asked is None or deployment is None or self._state.is_over:
            over = Unavailable("the session has ended", retry_after_s=1)
            if asked is not None:
                asked.resolve(over)
            return failed(over)
        if deployment.provider in job.call.excluded_providers:
            full = BudgetExceeded(f"the budget of the provider '{deployment.provider}' has no room for transcription")
            asked.resolve(full)
            return failed(full)
        job.answer.muted = True
        stretch = _Stretch(job, deployment)
        self._open.append(stretch)
        self._left_ms += STRETCH_MS
        asked.resolve(None)
        try:
            async with job.limited(max(0.001, job.deadline_s)):
                await stretch.over.wait()
        except TimeoutError:
            stretch.over.set()
        finally:
            job.unlimited()
        return self._ending(stretch)

    def committed(self, milliseconds: int) -> None:
        """So much of what was heard is transcribed now."""
        if self.model:
            self._untold_ms.append(milliseconds)

    def told(self, usage: object) -> None:
        """A transcript came, or failed: then without usage."""
        heard_ms = self._untold_ms.pop(0) if self._untold_ms else 0
        if not self._open:
            return
        oldest = self._open[0]
        used = usage_from_transcription({"usage": usage})
        if used is not None:
            self._add(oldest, used)
        elif usage is not None:
            self._count(oldest, heard_ms)
        if not self._untold_ms:
            for stretch in self._open[:-1]:
                stretch.over.set()
            self._open = self._open[-1:]

    def cut_off(self) -> None:
        """The session is over: what was not told of is counted by its length."""
        for heard_ms in self._untold_ms:
            if self._open:
                self._count(self._open[0], heard_ms)
        self._untold_ms = []
        for stretch in self._open:
            stretch.over.set()
        self._open = []

    def _count(self, stretch: _Stretch, heard_ms: int) -> None:
        stretch.counted = True
        self._add(stretch, Usage(audio_input_ms=heard_ms, audio_input=-(-heard_ms // 1000) * 10))

    def _add(self, stretch: _Stretch, usage: Usage) -> None:
        stretch.usage = usage if stretch.usage is NOTHING else added(stretch.usage, usage)

    def _ending(self, stretch: _Stretch) -> Ending:
        at, deployment = now_ms(), stretch.deployment
        stretch.job.client_left = self._state.job.client_left
        stretch.job.attempts.append(attempted(deployment, None, started_ms=stretch.started_ms, ended_ms=at))
        return Ending(
            deployment=deployment,
            usage=stretch.usage,
            usage_source="none" if stretch.usage is NOTHING else "counted" if stretch.counted else "provider",
            started_ms=stretch.started_ms,
            first_token_ms=at,
            finished_ms=at,
            when_stored=lambda: None,
        )
