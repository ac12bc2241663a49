# @summary A plain machine: what every machine has, and nothing else.
class role::base {
  include profile::base
}
