"""Those who wait for a leader whose thread is stuck go on without it, and it may come back."""

import pytest
from ledger import EMIT, flushed
from machine import Machine

LOST = f"""{EMIT}
from sovi_events.writing import call
from sovi_events.writing.delivery import Delivery
from sovi_events.writing.turns import Turns

call.GRACE_SECONDS = 0.2
back = threading.Event()

def first_is_stuck(really):
    it_is = threading.Lock()
    def stuck(*args):
        if it_is.acquire(blocking=False):
            is_stuck.set()
            assert back.wait(30)
        return really(*args)
    return stuck
is_stuck = threading.Event()
"""


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "2"
    return machine


def test_a_task_does_not_wait_for_a_thread_that_is_stuck_with_its_event(machine: Machine) -> None:
    said = machine.run(f"""{LOST}
Delivery.deliver = first_is_stuck(Delivery.deliver)
async def emit_some():
    for message in ("first", "second", "third"):
        emitted = events.async_emit("auth", "info", "captcha_failed", message)
        print(await asyncio.wait_for(emitted, 10) is None)
    back.set()
asyncio.run(emit_some())
""")
    assert said.split() == ["True", "False", "False"]
    flushed(machine)
    assert sorted(machine.rows()) == ["first", "second", "third"]


def test_a_thread_does_not_wait_for_another_that_is_stuck_with_its_event(machine: Machine) -> None:
    said = machine.run(f"""{LOST}
gathered = Turns.gather
def gather(self, calls, parts):
    eventually = time.monotonic() + 10
    while not self._queue and not is_stuck.is_set() and time.monotonic() < eventually:
        time.sleep(0.01)
    return gathered(self, calls, parts)
Turns.gather = gather
Delivery.deliver = first_is_stuck(Delivery.deliver)
leading = threading.Thread(target=emit, args=["leader"])
leading.start()
while not sovi_events.client._writer._turns.leader: time.sleep(0.01)
print(emit("follower") is None)
print(emit("next") is None)
back.set()
leading.join()
""")
    assert said.split() == ["True", "False"]
    flushed(machine)
    assert sorted(machine.rows()) == ["follower", "leader", "next"]


def test_a_leader_that_comes_back_leaves_the_connection_to_who_took_its_place(
    machine: Machine,
) -> None:
    said = machine.run(f"""{LOST}
inside, shared = [], []
def deliver(self, *args, really=Delivery.deliver):
    shared.extend(one for one in inside if one is self)
    inside.append(self)
    if len(inside) == 1:
        back.set()
        returning.join()
    answer = really(self, *args)
    inside.remove(self)
    return answer
gather = Turns.gather
def gather_and_be_stuck(self, calls, parts):
    gathered = gather(self, calls, parts)
    stuck()
    return gathered
stuck = first_is_stuck(lambda: None)
Turns.gather, Delivery.deliver = gather_and_be_stuck, deliver
returning = threading.Thread(target=emit, args=["returned"])
returning.start()
is_stuck.wait()
while not sovi_events.client._writer._turns.leader.is_late: time.sleep(0.01)
print(emit("took over") is None, shared)
""")
    assert said.strip() == "False []"
    flushed(machine)
    assert sorted(machine.rows()) == ["returned", "took over"]
