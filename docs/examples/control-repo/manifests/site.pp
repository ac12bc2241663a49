# Which role an instance has is told by its own configuration, as the external fact `role`. A role is a class of the
# module `role`; one that does not exist stops the compilation, so that nothing is applied by mistake.

node default {
  $role = $facts['role']

  if $role == undef {
    fail("This instance has no role: set \"role\" in its configuration. Roles are the classes in site-modules/role/manifests.")
  }

  unless $role =~ /\A[a-z][a-z0-9_]*\z/ and defined("role::${role}") {
    fail("Unknown role '${role}': there is no class role::${role}. Roles are the classes in site-modules/role/manifests.")
  }

  include "role::${role}"
}
