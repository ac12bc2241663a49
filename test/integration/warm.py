"""Where the program for a Puppet that waits is, and what makes another Puppet of this machine's."""

from __future__ import annotations

import re

from instance import Instance

WARM = "/usr/lib/bootwright/ruby/warm.rb"
COMPILED = "/var/cache/bootwright/puppet.compiled"


def library(instance: Instance, name: str = "puppet") -> str:
    """The folder that has the Ruby of Puppet, or of Facter."""
    script = "require ARGV[0]; puts $LOADED_FEATURES.grep(%r{/#{ARGV[0]}\\.rb\\z}).min_by(&:size)"
    found = instance.run(["ruby", "-e", script, name], check=True).stdout.strip()
    return found.removesuffix(f"/{name}.rb")


# Methods that warm.rb relies on, and what each is renamed to, with all that calls it: such a Puppet works as ever.
RENAMED = {
    "Puppet::Util::Autoload.mark_loaded/2": ("mark_loaded", "note_loaded"),
    "Puppet::Node::Environment#each_plugin_directory/0": ("each_plugin_directory", "each_plugin_folder"),
    "Facter.on_message/0": ("on_message", "at_message"),
}


def rename(instance: Instance, method: str) -> None:
    name, other = RENAMED[method]
    roots = [f"{library(instance, part)}/{part}" for part in ("puppet", "facter")]
    script = f"grep -rlwZ {name} \"$@\" | xargs -0 sed -i 's/\\b{name}\\b/{other}/g'"
    instance.run(["sh", "-c", script, "sh", *roots, *(f"{root}.rb" for root in roots)], check=True)


def set_version(instance: Instance, version: str) -> None:
    """As Puppet's packagers do."""
    instance.write(f"{library(instance)}/puppet/VERSION", f"{version}\n")


def prepare(instance: Instance) -> None:
    """Has Puppet's Ruby compiled ahead."""
    made = instance.bootwright("prepare")
    assert made.returncode == 0, made.stdout + made.stderr
    assert re.fullmatch(r"compiled ahead: \d{4} files of Puppet \S+, \d+ MiB\n", made.stdout), made.stdout
