#!/usr/bin/python3
"""swift_node.py FOLDER: one node of OpenStack Swift with the S3 API: account, container and object server on loopback, and the
proxy where FOLDER/proxy.conf says. swift.py writes the configuration and starts it.

The servers are those of Debian's python3-swift. Its programs come in other packages, with system services that no test needs
(rsyslog, rsync, uwsgi), and each would load all of Swift again.
"""

import ctypes
import os
import signal
import sys

import eventlet

# Before Swift's modules are loaded: its servers do it later, and half-heartedly.
eventlet.monkey_patch()

from swift.common.middleware.tempauth import TempAuth  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import run_wsgi  # noqa: E402

PORTS = {"account": 6202, "container": 6201, "object": 6200}
_PR_SET_PDEATHSIG = 1


class KeyedAuth(TempAuth):
    """tempauth, whose access keys are "ACCOUNT:USER", with others beside them that look like Amazon's: "key_NAME = ACCOUNT:USER".
    A client may take what comes after a colon for the password."""

    def __init__(self, app, conf):
        super().__init__(app, conf)
        for name, user in conf.items():
            if name.startswith("key_"):
                self.users[name.removeprefix("key_")] = self.users[user]


def auth_factory(_global_conf, **conf):
    return lambda app: KeyedAuth(app, conf)


def make_ring(kind):
    """One device, one copy, four parts."""
    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    builder.add_dev({"region": 1, "zone": 1, "device": "disk", "weight": 1, "ip": "127.0.0.1", "port": PORTS[kind]})
    builder.rebalance()
    builder.get_ring().save(f"/etc/swift/{kind}.ring.gz")


def main():
    for kind in PORTS:
        make_ring(kind)
    for kind in (*PORTS, "proxy"):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            sys.exit(run_wsgi(f"{sys.argv[1]}/{kind}.conf", f"{kind}-server"))
    signal.pause()


if __name__ == "__main__":
    main()
