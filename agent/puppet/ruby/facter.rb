# frozen_string_literal: true

# What Facter has no setting for. Loads it. @raise LoadError, NameError where there is none, or one that works otherwise
require 'facter'

# Keeps it from asking the metadata services of clouds at each run: it costs time, and makes user-data, which may hold
# secrets, a fact that any manifest and any report may show. The agent's own fact `cloud` says the rest. An image whose
# facter.conf has a blocklist of its own, even an empty one, decides for itself.
module BootwrightFacter
  BLOCKED = %w[EC2 GCE az_metadata cloud.provider].freeze # plain "cloud" would block the agent's own, too

  def block_list
    super || BLOCKED
  end
end

# Augeas says what version it is without reading its 200 lenses, and the machine's files by them: that takes half a second.
module BootwrightAugeas
  private

  def read_augeas_from_gem
    require 'augeas'
    return super unless defined?(::Augeas::NO_MODL_AUTOLOAD) && !Gem.loaded_specs['augeas']

    ::Augeas.open(nil, nil, ::Augeas::NO_MODL_AUTOLOAD) { |augeas| augeas.get('/augeas/version') }
  end
end

Facter::ConfigReader.method(:block_list)
Facter::ConfigReader.singleton_class.prepend(BootwrightFacter)
Facter::Options.init # it has read its configuration while it was loaded
Facter::Resolvers::Augeas.singleton_class.prepend(BootwrightAugeas) if defined?(Facter::Resolvers::Augeas)
