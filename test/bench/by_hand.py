"""What people write by hand, beside which the agent is put: no retries, no checks, no status. Parts of one shell script."""

from __future__ import annotations

#: On the instance's disk, as the agent's own checkouts are: /tmp would be memory.
CHECKOUT = "/srv/production"

READ_ROLE = """\
#!/bin/sh
set -e
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/user-data > /tmp/user-data
url=$(sed -n 's/.*"url": "\\([^"]*\\)".*/\\1/p' /tmp/user-data)
revision=$(sed -n 's/.*"revision": "\\([^"]*\\)".*/\\1/p' /tmp/user-data)
role=$(sed -n 's/.*"role": "\\([^"]*\\)".*/\\1/p' /tmp/user-data)
export FACTER_role="$role"
"""
FULL_CLONE = f"""\
git clone -q "$url" {CHECKOUT}
git -C {CHECKOUT} checkout -q "$revision"
"""
SHALLOW_FETCH = f"""\
git init -q {CHECKOUT}
cd {CHECKOUT}
git fetch -q --depth 1 "$url" "$revision"
git checkout -q FETCH_HEAD
"""
#: Without reports, as the agent: no server reads them.
APPLY = f"puppet apply --reports=none --environmentpath=/srv --environment=production --certname=bench {CHECKOUT}/manifests\n"

SCRIPTS = {
    "script, full clone": READ_ROLE + FULL_CLONE + APPLY,
    "script, git fetch --depth 1": READ_ROLE + SHALLOW_FETCH + APPLY,
}
