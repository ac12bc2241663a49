# @summary What every machine has. Needs no network and installs nothing.
#
# @param contact
#   Whom the message of the day names.
# @param purpose
#   One sentence on what this machine is for.
# @param sysctl
#   Kernel settings, read by the system at its next boot.
class profile::base (
  String[1]                                    $contact = 'operations',
  String[1]                                    $purpose = 'Not described.',
  Hash[String[1], Variant[Integer, String[1]]] $sysctl = {},
) {
  file { '/etc/motd':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/base/motd.epp', {
      'contact'  => $contact,
      'purpose'  => $purpose,
      'role'     => $facts['role'],
      'instance' => $trusted['certname'],
      'revision' => $facts.dig('bootwright', 'revision').lest || { 'none' },
    }),
  }

  # A minimal Debian 13 has no such folder.
  file { '/etc/sysctl.d':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  file { '/etc/sysctl.d/60-control-repo.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/base/sysctl.conf.epp', { 'sysctl' => $sysctl }),
  }

  file { '/etc/cron.daily/remove-old-crashes':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0755',
    content => "#!/bin/sh\n# Managed by Puppet.\n[ ! -d /var/crash ] || find /var/crash -xdev -type f -mtime +30 -delete\n",
  }
}
