"""Which deployments have what another one keeps: those of the same account at a provider. Pure."""

from collections.abc import Iterable

from shared.serving.deployments import Deployment


def reaching(holder: Deployment, members: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Return those of `members` that have what `holder` keeps: by the same credential, else at the same place.

    Other credentials may be of the same project, which only the provider knows.
    """
    known = tuple(members)
    return sharing(holder, known) or tuple(one for one in known if _may_be_one(_place(one), _place(holder)))


def sharing(holder: Deployment, members: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Return those of `members` that have the credential of `holder`."""
    return tuple(one for one in members if one.id == holder.id or _account(one) == _account(holder))


def _place(deployment: Deployment) -> tuple[object, ...]:
    return (deployment.provider, deployment.api_base, deployment.organization, deployment.region)


def _account(deployment: Deployment) -> tuple[object, ...]:
    return (*_place(deployment), deployment.api_key, dict(deployment.sign_in))


def _may_be_one(place: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """What is not set is the provider's own, or the environment's: it may be the same."""
    return all(mine == theirs or mine is None or theirs is None for mine, theirs in zip(place, other, strict=True))
