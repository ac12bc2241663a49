"""What the agent does with a Puppet that waits, with a quick one in its place."""

from __future__ import annotations

import time
from typing import Any

import pytest
from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config
from warm import COMPILED, WARM
from world import World

_QUICK = """\
#!/usr/bin/ruby
# puppet/util/command_line
require 'fileutils'
ARGV.each do |argument|
  name, value = argument.split('=', 2)
  FileUtils.cp('/usr/share/quick-puppet/puppet.jsonl', value) if name == '--logdest'
  FileUtils.cp('/usr/share/quick-puppet/last_run_summary.yaml', value) if name == '--publicdir'
  FileUtils.cp('/usr/share/quick-puppet/resources.txt', value) if name == '--resourcefile'
end
"""


@pytest.fixture
def quick(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> Instance:
    configuration = quick_puppet(instance)
    instance.write("/usr/local/bin/quick-puppet", _QUICK, 0o755)
    instance.configure(merged(IMPATIENT, configuration))
    metadata.service = Ec2(role_config(repo))
    return instance


def _ended_with(quick: Instance, warm: str) -> dict[str, Any]:
    quick.write(WARM, warm)
    quick.bootwright("run")
    run = quick.status()["run"]
    assert isinstance(run, dict)
    return run


def test_a_waiting_puppet_that_fails_costs_nothing_but_time(quick: Instance) -> None:
    for warm, reason in {
        "raise 'x'": "ended with status 1",
        "Process.kill(:KILL, Process.pid)": "was killed by signal 9",
        "STDIN.read; Process.kill(:KILL, Process.pid)": "was killed by signal 9",
        "STDOUT.write(Random.bytes(300_000)); STDOUT.flush; STDIN.read": "ended with status 0",
        "puts 'bootwright-warm refuses: it is Monday'": "it is Monday",
        "exec('/bin/true')": "ended with status 0",
        "STDIN.close; sleep 0.1": "ended with status 0",
    }.items():
        quick.write(COMPILED, "programs", 0o600)
        run = _ended_with(quick, warm)
        assert (run["outcome"], run["puppet_start"]) == ("unchanged", "cold"), warm
        assert reason in run["puppet_cold_because"], warm
        # They may be why it died.
        assert quick.exists(COMPILED) == ("refuses" in warm), warm


def test_what_was_begun_is_not_begun_again(quick: Instance) -> None:
    run = _ended_with(quick, "STDIN.read; puts 'bootwright-warm applies'; STDOUT.flush; Process.kill(:KILL, Process.pid)")
    assert (run["outcome"], run["puppet_start"]) == ("killed", "warm")


@pytest.fixture
def stuck(instance: Instance, world: World) -> Instance:
    """Its metadata service answers nothing: a run does not come to Puppet."""
    instance.configure(IMPATIENT)
    world.network.filter("tcp dport 80 drop")
    return instance


def _waiting(instance: Instance) -> list[int]:
    return instance.processes(WARM)


def _rests(instance: Instance, pid: int) -> bool:
    """It uses no processor: all is loaded."""

    def used() -> list[str]:
        return instance.read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[11:13]

    before = used()
    time.sleep(0.5)
    return used() == before and len(_waiting(instance)) == 1


@pytest.mark.parametrize("moment", ["loading", "waiting"])
def test_a_waiting_puppet_ends_with_the_agent_and_has_done_nothing(stuck: Instance, moment: str) -> None:
    agent = stuck.start_bootwright("run")
    process = wait_for(lambda: _waiting(stuck), "Puppet's Ruby")[0]
    if moment == "waiting":
        wait_for(lambda: _rests(stuck, process), "a Puppet that waits", timeout=60)
    agent.kill()
    wait_for(lambda: not _waiting(stuck), "its end")
    assert not stuck.exists("/var/lib/bootwright/puppet")


def test_a_stop_ends_a_waiting_puppet(stuck: Instance) -> None:
    agent = stuck.start_bootwright("daemon")
    wait_for(lambda: _waiting(stuck), "Puppet's Ruby")
    assert agent.stop() == 0
    assert not _waiting(stuck)
