# frozen_string_literal: true

# Where hiera-eyaml finds its keys on this machine, in place of where hiera.yaml says (docs/decisions/0021-eyaml-keys.md).
module BootwrightEyaml
  # How else hiera.yaml may name a key, which would count instead.
  OTHERWISE = { 'pkcs7_private_key' => 'pkcs7_private_key_env_var', 'pkcs7_public_key' => 'pkcs7_public_key_env_var' }.freeze

  class << self
    # file: a JSON object of options of hiera-eyaml. @raise StandardError where this hiera-eyaml is another inside
    def hand_over(file)
      require 'json'
      given = JSON.parse(File.read(file))
      return if given.empty? || !load_options

      replaced = given.keys + OTHERWISE.values_at(*given.keys)
      Hiera::Backend::Eyaml::Options.method(:set)
      Hiera::Backend::Eyaml::Options.singleton_class.prepend(
        Module.new do
          define_method(:set) do |options|
            super(options.reject { |name, _| replaced.include?(name.to_s) }.merge(given))
          end
        end
      )
    end

    private

    # False where there is no such gem: Puppet says so once a value needs it.
    def load_options
      require 'hiera/backend/eyaml/options'
      true
    rescue LoadError
      false
    end
  end
end
