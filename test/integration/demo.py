"""What packaging/demo shows: one instance on its way from metadata to web page. Usage: demo.py BINARY [--shell]"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from control_repo import ControlRepo  # noqa: E402
from instance import Instance  # noqa: E402
from metadata_server import MetadataServer  # noqa: E402
from metadata_services import Ec2, Request  # noqa: E402
from network import INSTANCE_ADDRESS, METADATA_ADDRESS  # noqa: E402
from real_machine import CLEAN_ENVIRONMENT  # noqa: E402
from servers import GitServer  # noqa: E402
from world import World  # noqa: E402


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


def say(text: str) -> None:
    print("\n".join(f"  {line}".rstrip() for line in text.rstrip().splitlines()), flush=True)


def show(instance: Instance, *argv: str) -> int:
    """Runs a command in the instance as an operator would, and prints both."""
    say(f"$ {' '.join(argv)}")
    done = instance.run(argv)
    say(done.stdout + done.stderr)
    return done.returncode


def stage_of(status: dict[str, Any]) -> str:
    run = status["run"]
    if run is None:
        return ""
    if run["state"] == "finished":
        return f"{run['outcome']}"
    text = str(run["stage"])
    if run["attempt"] > 1:
        text += f", attempt {run['attempt']}"
    return text


def watch(instance: Instance, seconds: float) -> int:
    """Tells the stages as they come, until `bootwright status --wait` ends."""
    waiting = instance.start_bootwright("status", "--wait", "--timeout", f"{seconds:.0f}s")
    started = time.monotonic()
    shown = ""
    while True:
        running = waiting.running
        with contextlib.suppress(FileNotFoundError):
            now = stage_of(instance.status())
            if now and now != shown:
                say(f"{time.monotonic() - started:5.1f} s  {now}")
                shown = now
        if not running:
            return waiting.wait()
        time.sleep(0.02)


def shell(instance: Instance) -> None:
    heading("A shell in the instance (exit ends the demonstration)")
    say("rm /etc/motd; bootwright run      Puppet puts it back")
    say("bootwright status --json          the same for scripts")
    say("ls /var/lib/bootwright/runs       the history")
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for what runs in the shell
    subprocess.run(instance.entry(["bash"]), env={**CLEAN_ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")})
    signal.signal(signal.SIGINT, ours)


def demonstrate(world: World, binary: Path, with_shell: bool) -> int:
    heading("The surroundings, in network namespaces of their own")
    git = GitServer(world)
    repo = ControlRepo(git, "puppet", world.new_folder("puppet"))
    user_data = json.dumps({"role": "web", "repository": {"url": repo.url(), "revision": repo.head}}, indent=2)
    asked: list[str] = []

    def remember(request: Request, status: int) -> None:
        if not request.by_facter:
            asked.append(f"{request}  {status}")

    metadata = MetadataServer(world.network.servers.listen(METADATA_ADDRESS, 80), Ec2(user_data.encode()), remember)
    say(f"control repository   {repo.url()}, made of docs/examples/control-repo")
    say(f"metadata service     http://{METADATA_ADDRESS}/, as on EC2, with this user-data:")
    say(user_data)

    heading("A bare instance boots")
    instance = world.instance(binary=binary, name="instance")
    say("its root is a throwaway overlay of this machine's; it has the agent, and no configuration at all")
    daemon = instance.start_bootwright("daemon")
    status = watch(instance, 300)
    if status != 0:
        heading(f"It did not work (bootwright status --wait: {status})")
        show(instance, "bootwright", "status")
        say(daemon.output)
        return 1
    say("\nwhat it asked the metadata service:\n" + "\n".join(f"  {line}" for line in asked))

    heading("What an operator sees")
    show(instance, "bootwright", "status")

    heading("What the new web server answers")
    if show(instance, "curl", "-sS", f"http://{INSTANCE_ADDRESS}/") != 0:
        return 1

    if with_shell:
        shell(instance)
    stopped = daemon.stop()
    metadata.close()

    heading("What to try next")
    if not with_shell:
        say("packaging/demo --shell           look around in the instance yourself")
    say("docs/examples/control-repo       the repository that was applied: change it, and run the demonstration again")
    say("test/run integration             how it behaves when the network, the servers or Puppet fail")
    return 0 if stopped == 0 else 1


def main() -> int:
    binary = Path(sys.argv[1]).absolute()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    world = World()
    try:
        return demonstrate(world, binary, "--shell" in sys.argv[2:])
    except KeyboardInterrupt:
        return 130
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())
