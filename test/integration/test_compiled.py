"""Puppet's Ruby, compiled ahead: what is used of it, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

from control_repo import ControlRepo
from instance import Instance
from metadata_server import MetadataServer
from metadata_services import Ec2
from roles import IMPATIENT, role_config
from warm import COMPILED, RENAMED, library, prepare, rename


def _says_when_it_is_parsed(instance: Instance, file: str) -> None:
    """The file as it was, in size and time too, but for a comment."""
    stat = instance.path(file).stat()
    text = instance.read(file)
    comment = next(line for line in text.splitlines() if line.startswith("# ") and len(line) > 30)
    instance.write(file, text.replace(comment, "File.write('/root/parsed', '')".ljust(len(comment))))
    os.utime(instance.path(file), ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_file_is_parsed_again_only_where_it_has_changed(
    instance: Instance, metadata: MetadataServer, repo: ControlRepo
) -> None:
    instance.configure(IMPATIENT)
    metadata.service = Ec2(role_config(repo))
    prepare(instance)
    assert instance.path(COMPILED).stat().st_mode & 0o777 == 0o600
    file = f"{library(instance)}/puppet/util/diff.rb"
    _says_when_it_is_parsed(instance, file)
    instance.bootwright("run")
    assert instance.status()["run"]["outcome"] == "changed" and not instance.exists("/root/parsed")
    instance.run(["touch", file], check=True)
    instance.bootwright("run")
    run = instance.status()["run"]
    assert (run["outcome"], run["puppet_start"]) == ("unchanged", "warm") and instance.exists("/root/parsed")


#: Prints whether the programs are there, and that of Puppet's first file, after each damage.
_DAMAGED = """
require '/usr/lib/bootwright/ruby/compiled'
file, puppet = ARGV
whole = File.binread(file)
start = 12 + whole.unpack1('Q>')
later = File.stat(puppet).mtime + 1
look = lambda do |name|
  compiled = CompiledRuby.open(file)
  puts "#{name}: #{compiled ? 'open' : 'refused'}, #{compiled&.program_of(puppet) ? 'used' : 'parsed'}"
end
damage = lambda do |name, text, mode = 0o600|
  File.binwrite(file, text)
  File.chmod(mode, file)
  look.(name)
end
flipped = ->(from, to) { whole.dup.tap { |text| (from...to).each { |i| text.setbyte(i, text.getbyte(i) ^ 1) } } }
damage.('whole', whole)
damage.('programs', flipped.(start, whole.bytesize))
damage.('index', flipped.(start / 2, start / 2 + 1))
damage.('header', flipped.(0, 1))
damage.('cut in the programs', whole[0, start + 1])
damage.('cut in the index', whole[0, start - 1])
damage.('cut in the header', whole[0, 11])
damage.('empty', '')
damage.('writable by all', whole, 0o606)
damage.('writable by a group', whole, 0o620)
File.chown(65_534, nil, file)
damage.("somebody else's", whole)
File.chown(0, nil, file)
damage.('whole again', whole)
File.utime(later, later, puppet)
look.('newer')
File.utime(later - 1, later - 1, puppet)
look.('as old as before')
File.write(puppet, '#', mode: 'a')
File.utime(later - 1, later - 1, puppet)
look.('longer')
Object.send(:remove_const, :RUBY_DESCRIPTION)
RUBY_DESCRIPTION = 'another'
look.('another Ruby')
File.delete(file)
look.('none')
"""


def test_damaged_programs_are_not_used(instance: Instance) -> None:
    prepare(instance)
    looked = instance.run(["ruby", "-e", _DAMAGED, COMPILED, f"{library(instance)}/puppet.rb"])
    assert looked.returncode == 0, looked.stderr
    assert dict(line.split(": ") for line in looked.stdout.splitlines()) == {
        "whole": "open, used",
        "programs": "open, parsed",
        "index": "refused, parsed",
        "header": "refused, parsed",
        "cut in the programs": "open, parsed",
        "cut in the index": "refused, parsed",
        "cut in the header": "refused, parsed",
        "empty": "refused, parsed",
        "writable by all": "refused, parsed",
        "writable by a group": "refused, parsed",
        "somebody else's": "refused, parsed",
        "whole again": "open, used",
        "newer": "open, parsed",
        "as old as before": "open, used",
        "longer": "open, parsed",
        "another Ruby": "refused, parsed",
        "none": "refused, parsed",
    }


def test_a_full_disk_leaves_what_was_there(instance: Instance) -> None:
    folder = str(Path(COMPILED).parent)
    script = f"mkdir {folder}; mount -t tmpfs -o size=4m full {folder}; echo programs >{COMPILED}; bootwright prepare; ls {folder}"
    full = instance.run(["sh", "-c", script])
    assert full.stdout == "puppet.compiled\n" and "No space left on device" in full.stderr, full.stdout + full.stderr


def test_what_cannot_be_prepared_is_said(instance: Instance) -> None:
    method = next(iter(RENAMED))
    rename(instance, method)
    refused = instance.bootwright("prepare")
    assert refused.returncode == 1 and f"has no {method}" in refused.stderr and "(puppet.not_compiled)" in refused.stderr
    assert "nothing is lost but" in refused.stderr and not instance.exists(COMPILED)
    instance.configure({"puppet": {"warm": False}})
    assert "nothing to prepare" in instance.bootwright("prepare").stdout
    instance.configure({"puppet": {"path": "/nowhere"}})
    assert "puppet.not_installed" in instance.bootwright("prepare").stderr
