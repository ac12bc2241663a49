"""Where the program for a Puppet that waits is, and one of another version."""

from __future__ import annotations

from instance import Instance

WARM = "/usr/lib/bootwright/ruby/warm.rb"
COMPILED = "/var/cache/bootwright/puppet.compiled"


def of_another_version(instance: Instance) -> str:
    """warm.rb, as it would be for a Puppet that is none of this machine's."""
    return instance.read(WARM).replace("Gem::Version.new('7')...", "Gem::Version.new('8.11')...")
