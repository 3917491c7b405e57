"""Calls for event loops that take what their twins for threads take."""

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
AsyncCall = Callable[Parameters, Coroutine[Any, Any, Result]]


def twin_of(
    call: Callable[Parameters, object],
) -> Callable[[AsyncCall[..., Result]], AsyncCall[Parameters, Result]]:
    """Give a call for event loops the parameters and defaults of its twin for threads.

    It gets all of them by name.
    """
    signature = inspect.signature(call)

    def decorated(async_call: AsyncCall[..., Result]) -> AsyncCall[Parameters, Result]:
        @wraps(async_call)
        async def twin(*positional: Parameters.args, **named: Parameters.kwargs) -> Result:
            given = signature.bind(*positional, **named)
            given.apply_defaults()
            return await async_call(**given.arguments)

        vars(twin)["__signature__"] = signature
        return twin

    return decorated
