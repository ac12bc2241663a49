# @summary A web server with one page that tells which role, instance and revision it serves.
#
# @param port
#   The TCP port that the page is served on.
# @param package
#   The package of the web server.
# @param service
#   The service of the web server.
class profile::web (
  Integer[1, 65535] $port    = 80,
  String[1]         $package = 'nginx',
  String[1]         $service = 'nginx',
) {
  package { $package:
    ensure => installed,
  }

  file { '/srv/web':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  file { '/srv/web/index.html':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/web/index.html.epp', {
      'role'     => $facts['role'],
      'instance' => $trusted['certname'],
      'revision' => $facts.dig('bootwright', 'revision').lest || { 'none' },
    }),
  }

  # Debian's own site would take port 80.
  file { '/etc/nginx/sites-enabled/default':
    ensure  => absent,
    require => Package[$package],
    notify  => Service[$service],
  }

  file { '/etc/nginx/conf.d/web.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/web/nginx.conf.epp', { 'port' => $port }),
    require => Package[$package],
    notify  => Service[$service],
  }

  # Init scripts check the configuration in "restart", and in "stop" and "start" they do not.
  service { $service:
    ensure     => running,
    enable     => true,
    hasrestart => true,
    require    => File['/srv/web/index.html'],
  }
}
