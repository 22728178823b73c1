"""Which deployments cool down after failures. Pure state: the time is an argument, in seconds of any steady clock."""

from shared.serving.deployments import Deployment

WINDOW_S = 60.0
AT_ONCE = {401, 402, 404}  # a retry of the same deployment cannot help


class Health:
    def __init__(self, *, allowed_fails: int, cooldown_s: float) -> None:
        """More than `allowed_fails` failures within a minute cool a deployment down."""
        self._allowed_fails = allowed_fails
        self._cooldown_s = cooldown_s
        self._until: dict[str, float] = {}
        self._failures: dict[str, list[float]] = {}

    def cooling(self, deployment: str, now: float) -> bool:
        return self._until.get(deployment, 0.0) > now

    def failed(self, deployment: Deployment, status: int, *, alone: bool, now: float) -> None:
        """Count a failure. `alone`: no other deployment serves the name, so a 429 here is no reason to leave it."""
        if status in AT_ONCE or (status == 429 and not alone):
            self._until[deployment.id] = now + self._cooldown_s
            return
        if status not in (408, 429) and status < 500:
            return
        recent = [at for at in self._failures.get(deployment.id, ()) if at > now - WINDOW_S]
        recent.append(now)
        self._failures[deployment.id] = recent
        if len(recent) > self._allowed_fails:
            self._until[deployment.id] = now + self._cooldown_s

    def succeeded(self, deployment: Deployment) -> None:
        self._failures.pop(deployment.id, None)
