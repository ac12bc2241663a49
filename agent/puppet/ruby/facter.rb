# Keeps Facter from asking the metadata services of clouds at each run: it costs time, and makes user-data, which may hold
# secrets, a fact that any manifest and any report may show. The agent's own fact `cloud` says the rest. Puppet has no setting
# for it. An image whose facter.conf has a blocklist of its own, even an empty one, decides for itself.
#
# Loads Facter. @raise LoadError, NameError where there is none, or one that works otherwise
require 'facter'

module BootwrightFacter
  BLOCKED = %w[EC2 GCE az_metadata cloud].freeze

  def block_list
    super || BLOCKED
  end
end

Facter::ConfigReader.method(:block_list)
Facter::ConfigReader.singleton_class.prepend(BootwrightFacter)
